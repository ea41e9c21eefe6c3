/**
 * Reads one search parameter, whatever its name leads to: a value of the resource itself, a chain to what it refers to
 * (https://hl7.org/fhir/R4/search.html#chaining), or `_has`, a chain the other way round (#has). Chains may be nested, in
 * both directions, as deep as the limit.
 */
import { badRequest, OutcomeError, tooCostly, type FhirVersion, type SearchParameter } from '#fhir';
import { assertAskedOfEmbedded, parseEmbeddedId } from './embedded.js';
import { filedUnderCode, parseFiledUnder } from './filed-under.js';
import { assertFollowable } from './followable.js';
import { parseDateTest } from './parameter-types/date.js';
import { parseFullText } from './parameter-types/full-text.js';
import { parameterTypes } from './parameter-types/index.js';
import { modifierNotSupported, notSupportedYet, type ParseContext } from './parameter-types/parameter-type.js';
import { parseList } from './list-members.js';
import { parseMembership } from './parse-membership.js';
import type { SearchBudget } from './search-budget.js';
import type { Criterion, TypeCriteria } from './search-request.js';
import { parameterOf, UnknownParameter } from './unknown-parameter.js';
import { splitUnescaped, unescapeValue } from './value-text.js';

/** What reading a criterion depends on besides its own text. */
export interface CriterionContext extends ParseContext {
  readonly version: FhirVersion;
  readonly budget: SearchBudget;
}

/** How many references one criterion may follow. */
const maxChainDepth = 5;

/** A chain without a type leads to each type that the reference may point to; beyond this the type must be named. */
const maxChainTypes = 30;

/** Parameters of the standard that are no properties of one resource and that this server does not have. */
const notYetByName = new Set('_query _containedType _score _graph'.split(' '));

const chainForm = /^([A-Za-z0-9_-]+)(?::([A-Za-z]*))?\.(.+)$/s;
const hasForm = /^_has:([A-Za-z]+):([A-Za-z0-9_-]+):(.+)$/s;

/**
 * The criterion that `name` (with its modifier or chain) and its alternative `values`, escapes in place, make for
 * resources of `type`. Throws UnknownParameter for a name that the type, or one further down, does not have; OutcomeError
 * for a malformed value, an unsupported feature or too long a chain.
 */
export function parseCriterion(
  type: string,
  name: string,
  values: readonly string[],
  context: CriterionContext,
  depth = 0,
): Criterion {
  if (depth > maxChainDepth) throw tooCostly(`A search parameter may follow at most ${maxChainDepth} references.`);
  const has = hasForm.exec(name);
  if (has !== null) {
    const [, source = '', code = '', rest = ''] = has;
    return parseHas(type, { source, code, rest }, values, context, depth);
  }
  if (/^_has(?![A-Za-z0-9])/.test(name)) {
    throw badRequest("'_has' is written as '_has:Type:reference:parameter'.", { code: 'value', expression: [name] });
  }
  const chain = chainForm.exec(name);
  if (chain !== null) {
    const [, code = '', target, rest = ''] = chain;
    return parseChain(type, { code, target, rest }, values, context, depth);
  }
  return parseOwn(type, name, values, context);
}

function parseHas(
  type: string,
  { source, code, rest }: { source: string; code: string; rest: string },
  values: readonly string[],
  context: CriterionContext,
  depth: number,
): Criterion {
  if (!context.isResourceType(source)) throw new UnknownParameter(`There is no resource type '${source}'.`);
  const parameter = referenceParameter(source, code, context);
  assertFollowable(parameter, source, `_has:${source}:${code}:${rest}`);
  if (!pointsTo(parameter, type)) {
    throw new UnknownParameter(`The search parameter '${code}' of ${source} does not point to ${type}.`);
  }
  context.budget.follow();
  const criteria = [parseCriterion(source, rest, values, context, depth + 1)];
  return { kind: 'has', parameter: { code, key: parameter.key }, source: { type: source, criteria } };
}

function parseChain(
  type: string,
  { code, target, rest }: { code: string; target: string | undefined; rest: string },
  values: readonly string[],
  context: CriterionContext,
  depth: number,
): Criterion {
  const parameter = referenceParameter(type, code, context);
  const { embeds } = parameter;
  if (!embeds) assertFollowable(parameter, type, `${code}.${rest}`);
  const read = (targetType: string): TypeCriteria => {
    context.budget.follow();
    const criterion = parseCriterion(targetType, rest, values, context, depth + 1);
    if (embeds) assertAskedOfEmbedded(criterion, `${code}.${rest}`);
    return { type: targetType, criteria: [criterion] };
  };
  const kind = embeds ? 'embedded' : 'chain';
  const link = { code, key: parameter.key };
  if (target !== undefined) {
    if (!context.isResourceType(target) || !pointsTo(parameter, target)) {
      throw new UnknownParameter(`The search parameter '${code}' of ${type} does not point to '${target}'.`);
    }
    return { kind, parameter: link, targets: [read(target)] };
  }
  return { kind, parameter: link, targets: readTargets(type, parameter, rest, read, context) };
}

/** The types that a reference may point to: those that its definition declares, or all. */
export const targetTypes = ({ targets }: SearchParameter, { resourceTypes }: FhirVersion): readonly string[] =>
  targets.length > 0 ? targets : resourceTypes;

/** The criteria for each type that the reference may point to and that has the parameter; at least one type has it. */
function readTargets(
  type: string,
  parameter: SearchParameter,
  rest: string,
  read: (type: string) => TypeCriteria,
  { version }: CriterionContext,
): TypeCriteria[] {
  const { code } = parameter;
  const allowed = targetTypes(parameter, version);
  const [next = ''] = rest.split(/[:.]/, 1);
  const fitting = allowed.filter((name) => next === '_has' || version.searchParameters(name).has(next));
  if (fitting.length > maxChainTypes) {
    throw tooCostly(
      `'${code}' may point to ${fitting.length} types; name the one that is meant: '${code}:Type.${rest}'.`,
    );
  }
  const found: TypeCriteria[] = [];
  let refusal: unknown = new UnknownParameter(`Nothing that '${code}' of ${type} points to has a parameter '${next}'.`);
  for (const name of fitting) {
    try {
      found.push(read(name));
    } catch (error) {
      // A parameter of one code is not of the same kind in all types: those that cannot take the value do not match it.
      const isRefusal =
        error instanceof UnknownParameter || (error instanceof OutcomeError && error.category === 'invalid');
      if (!isRefusal) throw error;
      refusal = error;
    }
  }
  if (found.length === 0) throw refusal;
  return found;
}

function referenceParameter(type: string, code: string, { version }: CriterionContext): SearchParameter {
  const parameter = parameterOf(version.searchParameters(type), type, code);
  if (parameter.type !== 'reference') {
    throw new UnknownParameter(`The search parameter '${code}' of ${type} is no reference and cannot be followed.`);
  }
  return parameter;
}

export const pointsTo = ({ targets }: SearchParameter, type: string): boolean =>
  targets.length === 0 || targets.includes(type);

/** Parameters that are read here without a definition of theirs. */
const withoutDefinition = new Set(['_has', '_text', '_content', '_list', ...notYetByName]);

/** Whether `name` begins with a parameter of the type; `parseCriterion` throws UnknownParameter when it does not. */
export function beginsKnown(type: string, name: string, { version }: Pick<CriterionContext, 'version'>): boolean {
  const [code = ''] = name.split(/[:.]/, 1);
  return withoutDefinition.has(code) || version.searchParameters(type).has(code);
}

function parseOwn(type: string, name: string, values: readonly string[], context: CriterionContext): Criterion {
  const [code = ''] = name.split(':', 1);
  if (notYetByName.has(code)) throw notSupportedYet(name, `The search parameter '${code}'`);
  const modifier = name.length > code.length ? name.slice(code.length + 1) : undefined;
  if (code === '_text' || code === '_content' || code === '_list') {
    context.budget.take(values.length);
    return code === '_list' ? parseList(modifier, values) : parseFullText(code, modifier, values);
  }
  const parameter = parameterOf(context.version.searchParameters(type), type, code);
  context.budget.take(values.length);
  if (code === '_in') return parseMembership(context.version, parameter, modifier, values);
  if (modifier === 'missing') return parseMissing(parameter, values);
  if (parameter.embeds) return parseEmbeddedId(parameter, modifier, values, context);
  if (code === '_id') return parseId(modifier, values);
  if (code === filedUnderCode) return parseFiledUnder(parameter, modifier, values, context);
  if (code === '_lastUpdated') {
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    return { kind: 'last-updated', tests: values.map((value) => parseDateTest(code, value, context.now)) };
  }
  if (isVersioned(code, modifier, values)) return parseVersionedUrl(type, parameter, values, context);
  return parameterTypes[parameter.type].parse(parameter, modifier, values, context);
}

/** Whether one of the values of `url` carries a version behind a bar. */
const isVersioned = (code: string, modifier: string | undefined, values: readonly string[]): boolean =>
  code === 'url' && modifier === undefined && values.some((value) => splitUnescaped(value, '|').length > 1);

/**
 * `url=http://acme.org/vs|2.0`: the canonical address of a definition and its version, which are two elements of it
 * (https://hl7.org/fhir/R4/search.html#uri). A type without versions has the bar in its address. Each value with a version
 * is a criterion of its own and counts as one; those without are one together.
 */
function parseVersionedUrl(
  type: string,
  url: SearchParameter,
  values: readonly string[],
  context: CriterionContext,
): Criterion {
  const version = context.version.searchParameters(type).get('version');
  const parse = (parameter: SearchParameter, texts: readonly string[]) =>
    parameterTypes[parameter.type].parse(parameter, undefined, texts, context);
  if (version === undefined) return parse(url, values);
  const canonicals = values.map((value) => {
    const [address = '', ...rest] = splitUnescaped(value, '|');
    return { address, wanted: rest.join('\\|') };
  });
  const plain = canonicals.filter(({ wanted }) => wanted === '').map(({ address }) => address);
  const versioned = canonicals.filter(({ wanted }) => wanted !== '');
  // One of the alternatives is the criterion that has been counted; nothing is made of the others before they are.
  for (let more = versioned.length + (plain.length > 0 ? 1 : 0); more > 1; more--) context.budget.take(0);
  const criteria: Criterion[] = plain.length > 0 ? [parse(url, plain)] : [];
  for (const { address, wanted } of versioned) {
    criteria.push({ kind: 'and', criteria: [parse(url, [address]), parse(version, [wanted])] });
  }
  const [only, ...others] = criteria;
  return only !== undefined && others.length === 0 ? only : { kind: 'or', criteria };
}

function parseId(modifier: string | undefined, values: readonly string[]): Criterion {
  if (modifier !== undefined && modifier !== 'not') throw modifierNotSupported('_id', modifier);
  return { kind: 'id', ids: values.map(unescapeValue), negated: modifier === 'not' };
}

function parseMissing(parameter: SearchParameter, values: readonly string[]): Criterion {
  const { code, key, indexKeys, type } = parameter;
  if (type === 'composite' || type === 'special') throw modifierNotSupported(code, 'missing');
  const [value] = values;
  if (values.length !== 1 || (value !== 'true' && value !== 'false')) {
    throw badRequest(`':missing' of the search parameter '${code}' takes 'true' or 'false'.`, {
      code: 'value',
      expression: [`${code}:missing`],
    });
  }
  return { kind: 'missing', parameter: { code, key, indexKeys }, missing: value === 'true' };
}
