/**
 * Resources that stand inside others and are no part of their own elements: the composition of a document, the header of
 * a message (https://hl7.org/fhir/R4/search.html#reference). A search asks for them as for what a reference leads to:
 * `Bundle?composition=Composition/1`, `Bundle?composition.title=discharge`. What they hold stands in the index with the
 * resource around them, under keys made of that parameter's and of their own.
 */
import {
  isJsonObject,
  parameterKey,
  type FhirVersion,
  type JsonObject,
  type SearchParameter,
  type TypedValue,
} from '#fhir';
import type { CollectedRows } from './collected-rows.js';
import { filedUnderCode } from './filed-under.js';
import { parameterTypes } from './parameter-types/index.js';
import {
  badValue,
  modifierNotSupported,
  notSupportedYet,
  type ParameterType,
  type ParseContext,
} from './parameter-types/parameter-type.js';
import type { Condition } from './search-plan.js';
import type { CombiningCriterion, Criterion, TypeCriteria } from './search-request.js';
import type { TokenHasher } from './token-hasher.js';
import { embeddedText, embeddedTypeText, referenceInEmbeddedText } from './token-texts.js';
import { unescapeValue } from './value-text.js';
import { valueCondition, type ValueCriterion } from './value-condition.js';

type EmbeddedCriterion = Extract<CombiningCriterion, { kind: 'embedded' }>;

/** What stands in the index for one search parameter of a resource that the parameter with the key `outer` finds. */
export const embeddedKey = (outer: number, inner: number): number => parameterKey(String(outer), String(inner));

/** Never asked of an embedded resource: what the server keeps of a resource of its own. */
const ofStoredOnly = new Set(['_lastUpdated', filedUnderCode]);

const identityForm = /^(?:([A-Z][A-Za-z]*)\/)?([A-Za-z0-9\-.]{1,64})$/;

/**
 * The criterion that the embedded resource has one of these ids (`1` or `Composition/1`). Throws an OutcomeError for a
 * modifier that is no type, and for any other value: what is embedded has no address of its own.
 */
export function parseEmbeddedId(
  { code, key, targets }: Pick<SearchParameter, 'code' | 'key' | 'targets'>,
  modifier: string | undefined,
  values: readonly string[],
  context: ParseContext,
): EmbeddedCriterion {
  if (modifier !== undefined && !context.isResourceType(modifier)) throw modifierNotSupported(code, modifier);
  const possible = targets.length > 0 ? targets : context.resourceTypes;
  const ids = new Map<string, string[]>();
  for (const value of values) {
    const [, type = modifier, id] = identityForm.exec(unescapeValue(value)) ?? [];
    if (id === undefined || (type !== undefined && !possible.includes(type))) {
      throw badValue(code, value, `expected an id, or ${possible.slice(0, 3).join(' or ')} with an id`);
    }
    for (const name of type === undefined ? possible : [type]) ids.set(name, [...(ids.get(name) ?? []), id]);
  }
  const found = [...ids].map(([type, some]): TypeCriteria => ({
    type,
    criteria: [{ kind: 'id', ids: some, negated: false }],
  }));
  return { kind: 'embedded', parameter: { code, key }, targets: found };
}

/** Criteria that lead to other resources, or ask for what only resources of their own have. */
type FurtherCriterion = Extract<
  Criterion,
  { kind: 'chain' | 'has' | 'compartment' | 'list' | 'embedded' | 'last-updated' | 'full-text' }
>;

const furtherKinds: ReadonlySet<string> = new Set<FurtherCriterion['kind']>([
  'chain',
  'has',
  'compartment',
  'list',
  'embedded',
  'last-updated',
  'full-text',
]);

const leadsFurther = (criterion: Criterion): criterion is FurtherCriterion => furtherKinds.has(criterion.kind);

/** Throws an OutcomeError that names `name` for a criterion that cannot be asked of an embedded resource. */
export function assertAskedOfEmbedded(criterion: Criterion, name: string): void {
  if ('criteria' in criterion) {
    for (const part of criterion.criteria) assertAskedOfEmbedded(part, name);
  } else if (criterion.kind === 'not') {
    assertAskedOfEmbedded(criterion.criterion, name);
  } else if (leadsFurther(criterion)) {
    throw notSupportedYet(name, `'${name}', which asks for more than the values of what is inside the resource,`);
  } else if ('parameter' in criterion && criterion.parameter.code === filedUnderCode) {
    throw notSupportedYet(name, `'${filedUnderCode}' of a resource inside another one`);
  }
}

/** Writes what the parameter's `values`, resources inside the one that `rows` are of, hold. */
export function indexEmbedded(
  version: FhirVersion,
  { key }: SearchParameter,
  values: readonly TypedValue[],
  rows: CollectedRows,
): void {
  for (const { type, value } of values) {
    if (!isJsonObject(value)) continue;
    rows.addToken(embeddedTypeText(key, type));
    if (typeof value['id'] === 'string') rows.addToken(embeddedText(key, type, value['id']));
    for (const inner of version.searchParameters(type).values()) indexInner(key, inner, value, rows);
  }
}

function indexInner(outer: number, inner: SearchParameter, resource: JsonObject, rows: CollectedRows): void {
  if (inner.code === '_id' || ofStoredOnly.has(inner.code) || inner.embeds) return;
  if (!inner.indexKeys.includes(inner.key)) return;
  const values = inner.evaluate(resource);
  if (values.length === 0) return;
  const key = embeddedKey(outer, inner.key);
  const parameterType: ParameterType = parameterTypes[inner.type];
  parameterType.index({ ...inner, key, indexKeys: [key] }, values, rows.embeddedWriter(key, resource));
}

/** The condition for the criterion, over the rows that `indexEmbedded` wrote. A place holds one resource at most. */
export function embeddedCondition({ parameter, targets }: EmbeddedCriterion, hasher: TokenHasher): Condition {
  const { key } = parameter;
  const branches = targets.map(({ type, criteria }): Condition => {
    const isThere = tokens([embeddedTypeText(key, type)], hasher);
    return { kind: 'and', conditions: [isThere, ...criteria.map((part) => conditionWithin(key, type, part, hasher))] };
  });
  const [only, ...others] = branches;
  return only !== undefined && others.length === 0 ? only : { kind: 'or', conditions: branches };
}

function conditionWithin(outer: number, type: string, criterion: Criterion, hasher: TokenHasher): Condition {
  const within = (part: Criterion) => conditionWithin(outer, type, part, hasher);
  if ('criteria' in criterion) {
    return { kind: criterion.kind, conditions: criterion.criteria.map(within) };
  }
  if (criterion.kind === 'not') return { kind: 'not', condition: within(criterion.criterion) };
  if (criterion.kind === 'id') {
    const texts = criterion.ids.map((id) => embeddedText(outer, type, id));
    return tokens(texts, hasher, criterion.negated);
  }
  if (criterion.kind === 'reference') {
    const key = embeddedKey(outer, criterion.parameter.key);
    const texts = criterion.targets.map((target) => referenceInEmbeddedText(key, target));
    return tokens(texts, hasher);
  }
  if (leadsFurther(criterion)) throw new Error(`'${criterion.kind}' cannot be asked of an embedded resource.`);
  return valueCondition(withKeys(criterion, outer), hasher);
}

type WithParameter = Exclude<ValueCriterion, { kind: 'id' | 'last-updated' | 'full-text' }>;

function withKeys<C extends WithParameter>(criterion: C, outer: number): C {
  const { parameter } = criterion;
  const key = embeddedKey(outer, parameter.key);
  const indexKeys = 'indexKeys' in parameter ? parameter.indexKeys.map((inner) => embeddedKey(outer, inner)) : [key];
  return { ...criterion, parameter: { ...parameter, key, indexKeys } };
}

function tokens(texts: readonly string[], hasher: TokenHasher, negated = false): Condition {
  return { kind: 'token', anyOf: texts.map((text) => hasher.hash(text)), negated, identifying: false };
}
