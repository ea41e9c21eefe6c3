/**
 * The criteria of a rule for one resource type, in the one parsed form that both the SQL filter and the judgement in memory
 * are made from. What policies may ask is a part of what searches may ask: conditions on the resource itself, whose answer
 * does not depend on other resources or on who asks.
 */
import { OutcomeError, type FhirVersion, type SearchParameter } from '#fhir';
import { parseSearch, type Criterion } from '#fhir-search';

/** A search parameter with its modifier and its value in the syntax of searches. */
export type BoundPair = readonly [name: string, value: string];

/** The criteria, or why there are none: then the rule grants nothing. */
export type CompiledCriteria = readonly Criterion[] | { readonly problem: string };

export const isProblem = (compiled: CompiledCriteria): compiled is { readonly problem: string } =>
  'problem' in compiled;

const allowedTypes: ReadonlySet<SearchParameter['type']> = new Set(['token', 'string', 'reference', 'uri', 'date']);
const allowedModifiers: ReadonlySet<string> = new Set(['not', 'missing', 'identifier']);

/** Kinds of criteria that are conditions on the resource itself. */
const allowedKinds: ReadonlySet<Criterion['kind']> = new Set([
  'id',
  'last-updated',
  'missing',
  'token',
  'string',
  'date',
  'reference',
  'reference-identifier',
  'uri',
]);

/**
 * Compiles `pairs` for resources of `type`. Every pair becomes a criterion or the whole is refused: a condition that is
 * left out would let through what it forbids. Throws nothing for what stands in a policy.
 */
export function compileCriteria(
  version: FhirVersion,
  type: string,
  pairs: readonly BoundPair[],
  ownBaseUrls: readonly string[] = [],
): CompiledCriteria {
  const parameters = version.searchParameters(type);
  for (const [name] of pairs) {
    const [code = '', modifier, ...rest] = name.split(':');
    const parameter = parameters.get(code);
    if (rest.length > 0 || parameter === undefined) return { problem: `${type} has no search parameter '${name}'` };
    if (!allowedTypes.has(parameter.type)) return { problem: `policies cannot use '${name}'` };
    if (modifier !== undefined && !allowedModifiers.has(modifier)) return { problem: `policies cannot use '${name}'` };
  }
  const criteria: Criterion[] = [];
  for (const pair of pairs) {
    const criterion = compilePair(version, type, pair, ownBaseUrls);
    if (criterion === undefined || !isAllowed(criterion)) return { problem: `policies cannot use '${pair[0]}' so` };
    criteria.push(withPlainIds(type, criterion));
  }
  return criteria;
}

function compilePair(
  version: FhirVersion,
  type: string,
  pair: BoundPair,
  ownBaseUrls: readonly string[],
): Criterion | undefined {
  try {
    const { criteria } = parseSearch(version, type, [pair], { handling: 'strict', ownBaseUrls });
    return criteria.length === 1 ? criteria[0] : undefined;
  } catch (error) {
    if (error instanceof OutcomeError) return undefined;
    throw error;
  }
}

function isAllowed(criterion: Criterion): boolean {
  // A text in which nothing is left to compare would be the beginning of every text.
  if (criterion.kind === 'string')
    return criterion.values.every((value) => /[^\s\p{M}\0]/u.test(value.normalize('NFKD')));
  return allowedKinds.has(criterion.kind);
}

/** `Organization?_id=Organization/1` is the same as `Organization?_id=1`. */
function withPlainIds(type: string, criterion: Criterion): Criterion {
  if (criterion.kind !== 'id') return criterion;
  const start = `${type}/`;
  return { ...criterion, ids: criterion.ids.map((id) => (id.startsWith(start) ? id.slice(start.length) : id)) };
}
