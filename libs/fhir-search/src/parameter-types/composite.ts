/**
 * Composite parameters (https://hl7.org/fhir/R4/search.html#composite): `part$part`, where all parts must be found at the
 * same node of the resource (the same component of an Observation, say). How they stand in the index:
 *
 * - parts that are compared exactly (tokens, references, uris) alone: one token for each combination;
 * - with a number, quantity or date: a row of resource_number whose scope is the exact parts;
 * - with two of these: a row for each, joined by the node they come from;
 * - with a string: a row of resource_string that starts with the hash of the exact parts.
 */
import type { SearchComponent, SearchParameter, TypedValue } from '#fhir';
import { anyUnit, scopeText } from '../number-scopes.js';
import type { Condition, NumberBounds } from '../search-plan.js';
import type { ComponentTest, Criterion } from '../search-request.js';
import type { TokenHasher } from '../token-hasher.js';
import { compositeText } from '../token-texts.js';
import { normaliseText } from '../normalised-text.js';
import { splitUnescaped } from '../value-text.js';
import {
  combinations,
  exactForms,
  exactTests,
  isExact,
  type ExactComponentTest,
  type ExactForm,
} from './composite-exact-parts.js';
import { parseComponent } from './composite-parse.js';
import { rangeBounds, rangeEntries, type RangeEntry } from './composite-range-parts.js';
import {
  badValue,
  modifierNotSupported,
  notSupportedYet,
  type IndexWriter,
  type ParameterType,
} from './parameter-type.js';
import { textsOf } from './string.js';

type CompositeCriterion = Extract<Criterion, { kind: 'composite' }>;
type CompositeValue = CompositeCriterion['values'][number];

export const composite: ParameterType<CompositeCriterion> = {
  parse(parameter, modifier, values, context) {
    const { code, key, indexKeys, components } = parameter;
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    if (shapeOf(components) === undefined) throw notSupportedYet(code, `The composite search parameter '${code}'`);
    const read = values.map((value) => {
      const parts = splitUnescaped(value, '$');
      if (parts.length !== components.length || parts.includes('')) {
        const form = components.map(({ type }) => type).join('$');
        throw badValue(code, value, `expected ${components.length} parts with '$' between them, ${form}`);
      }
      return components.map((component, part) => parseComponent(parameter, component, parts[part] ?? '', context));
    });
    return { kind: 'composite', parameter: { code, key, indexKeys }, values: read };
  },

  toCondition({ parameter: { indexKeys }, values }, hasher) {
    const conditions = mergeKinds(
      indexKeys.flatMap((key) => values.map((value) => valueCondition(key, value, hasher))),
    );
    const [only] = conditions;
    return only !== undefined && conditions.length === 1 ? only : { kind: 'or', conditions };
  },

  index(parameter, nodes, writer) {
    const shape = shapeOf(parameter.components);
    if (shape === undefined) return;
    for (const [place, node] of nodes.entries()) {
      if (!indexNode({ parameter, shape, node, place }, writer)) return;
    }
  },
};

/** Which components are no exact ones; undefined for combinations that the standard does not have. */
interface Shape {
  readonly string: number | undefined;
  readonly ranges: readonly number[];
}

/** Shapes of the parameters seen so far: they are asked for with every resource that is written. */
const shapes = new WeakMap<readonly SearchComponent[], Shape | 'unknown'>();

function shapeOf(components: readonly SearchComponent[]): Shape | undefined {
  let shape = shapes.get(components);
  if (shape === undefined) {
    shape = makeShape(components) ?? 'unknown';
    shapes.set(components, shape);
  }
  return shape === 'unknown' ? undefined : shape;
}

function makeShape(components: readonly SearchComponent[]): Shape | undefined {
  const placesOf = (types: readonly string[]) =>
    components.flatMap(({ type }, part) => (types.includes(type) ? [part] : []));
  const strings = placesOf(['string']);
  const ranges = placesOf(['number', 'quantity', 'date']);
  const known = strings.length + ranges.length + components.filter(({ type }) => isExact(type)).length;
  const fits = strings.length === 0 ? ranges.length <= 2 : strings.length === 1 && ranges.length === 0;
  return known === components.length && fits ? { string: strings[0], ranges } : undefined;
}

interface IndexedNode {
  readonly parameter: SearchParameter;
  readonly shape: Shape;
  readonly node: TypedValue;
  readonly place: number;
}

/** Writes what is found at one node. False when the resource may have no more entries of composites. */
function indexNode({ parameter: { key, components }, shape, node, place }: IndexedNode, writer: IndexWriter): boolean {
  const valuesOf = (part: number) => components[part]?.evaluate(node, writer.resource) ?? [];
  // What is not exact is looked at first: where it is missing, the combinations of the others are not wanted.
  const texts = shape.string === undefined ? undefined : valuesOf(shape.string).flatMap(textsOf);
  const ranges = shape.ranges.flatMap((part) =>
    valuesOf(part)
      .flatMap(rangeEntries)
      .map((entry) => ({ part, entry })),
  );
  if (texts?.length === 0 || (shape.ranges.length > 0 && ranges.length === 0)) return true;
  for (const forms of combinations(exactFormsAt(components, node, writer))) {
    const isWritten =
      shape.ranges.length > 0 ? writeRanges(ranges, forms, place, writer) : writeTexts(key, texts, forms, writer);
    if (!isWritten) return false;
  }
  return true;
}

/** What each of the exact components is at `node`, in every form. */
function exactFormsAt(components: readonly SearchComponent[], node: TypedValue, writer: IndexWriter): ExactForm[][] {
  return components.flatMap(({ type }, part) => {
    if (!isExact(type)) return [];
    const values = components[part]?.evaluate(node, writer.resource) ?? [];
    return [exactForms(type, part, values, (reference) => writer.localReference(reference))];
  });
}

function writeRanges(
  ranges: readonly { readonly part: number; readonly entry: RangeEntry }[],
  forms: readonly ExactForm[],
  place: number,
  writer: IndexWriter,
): boolean {
  const discrete = forms.map(({ wide }) => wide);
  const ownMarks = forms.flatMap(({ narrow }) => narrow);
  for (const { part, entry } of ranges) {
    const { unit, ...span } = entry;
    const scope = scopeText(unit, { part, discrete });
    const marks = [...span.marks, ...ownMarks];
    if (!writer.takeCombination([scope, ...marks].join(''))) return false;
    writer.number({ ...span, scope, marks, node: place });
  }
  return true;
}

/** Tokens, or strings when the composite has one of these among its components. */
function writeTexts(
  key: number,
  texts: readonly string[] | undefined,
  forms: readonly ExactForm[],
  writer: IndexWriter,
): boolean {
  for (const names of narrowings(forms)) {
    const scope = compositeText(key, names);
    for (const text of texts ?? [undefined]) {
      if (!writer.takeCombination(scope + (text ?? ''))) return false;
      if (text === undefined) writer.token(scope);
      else writer.scopedString(scope, normaliseText(text), text);
    }
  }
  return true;
}

/** Every way to name the exact parts: each by its wide form or by one of its narrow ones. */
const narrowings = (forms: readonly ExactForm[]): Iterable<string[]> =>
  combinations(forms.map(({ wide, narrow }) => [wide, ...narrow]));

function valueCondition(key: number, tests: CompositeValue, hasher: TokenHasher): Condition {
  const exact = [...combinations(tests.flatMap((test, part) => (isExactTest(test) ? [exactTests(test, part)] : [])))];
  const string = tests.find((test) => test.kind === 'string');
  const texts = () =>
    exact.map((parts) =>
      compositeText(
        key,
        parts.map(({ wide, narrow }) => narrow ?? wide),
      ),
    );
  if (string !== undefined) {
    const values = texts().map((text) => hasher.hash(text) + normaliseText(string.value));
    return { kind: 'string', parameter: key, match: 'prefix', values };
  }
  const ranges = tests.flatMap((test, part) => (isRange(test) ? [{ test, part }] : []));
  if (ranges.length === 0) {
    return { kind: 'token', anyOf: texts().map((text) => hasher.hash(text)), negated: false, identifying: false };
  }
  const boundsOf = ({ test, part }: (typeof ranges)[number], parts: (typeof exact)[number]): NumberBounds[] =>
    rangeBounds(test).map(({ unit = anyUnit, marks, lower, upper }) => ({
      parameter: key,
      scope: hasher.hash(scopeText(unit, { part, discrete: parts.map(({ wide }) => wide) }) ?? ''),
      lower,
      upper,
      marks: [...marks, ...parts.flatMap(({ narrow }) => narrow ?? [])].map((mark) => hasher.hash(mark)),
    }));
  const [first, second] = ranges;
  if (first !== undefined && second === undefined) {
    return { kind: 'number', anyOf: exact.flatMap((parts) => boundsOf(first, parts)) };
  }
  const pairs = exact.flatMap((parts) => [...combinations(ranges.map((range) => boundsOf(range, parts)))]);
  return { kind: 'number-pair', anyOf: pairs as [NumberBounds, NumberBounds][] };
}

const isRange = (test: ComponentTest): test is Extract<ComponentTest, { kind: 'date' | 'number' | 'quantity' }> =>
  test.kind === 'date' || test.kind === 'number' || test.kind === 'quantity';

const isExactTest = (test: ComponentTest): test is ExactComponentTest => isExact(test.kind);

/** Alternatives of one kind are one condition, which an index answers at once. */
function mergeKinds(conditions: readonly Condition[]): Condition[] {
  return conditions.reduce<Condition[]>((merged, condition) => {
    const last = merged.at(-1);
    const together = last && merge(last, condition);
    return together === undefined ? [...merged, condition] : [...merged.slice(0, -1), together];
  }, []);
}

function merge(left: Condition, right: Condition): Condition | undefined {
  if (left.kind === 'token' && right.kind === 'token') return { ...left, anyOf: [...left.anyOf, ...right.anyOf] };
  if (left.kind === 'number' && right.kind === 'number') return { ...left, anyOf: [...left.anyOf, ...right.anyOf] };
  if (left.kind === 'number-pair' && right.kind === 'number-pair') {
    return { ...left, anyOf: [...left.anyOf, ...right.anyOf] };
  }
  if (left.kind === 'string' && right.kind === 'string' && left.parameter === right.parameter) {
    return { ...left, values: [...left.values, ...right.values] };
  }
  return undefined;
}
