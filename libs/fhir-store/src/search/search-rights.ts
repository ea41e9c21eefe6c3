import { badRequest, type OutcomeError } from '#fhir';
import type { Criterion, Restrict, SearchRequest, TypeCriteria } from '#fhir-search';
import { assertGranted, type Context } from '../rights/rights.js';

/** What the caller may see of each type, for everything that a search reads: matches, links to other types, includes. */
export const searchRights =
  ({ caller }: Context): Restrict =>
  (interaction, type) =>
    caller.policy.limits(interaction, type);

/** A Binary has no search parameters by which criteria could be applied to it (https://hl7.org/fhir/R4/binary.html). */
const unsearchable = 'Binary';

/**
 * Throws 403 when the caller may not search a type that the request names, 404 for one that the version does not have,
 * and 400 for one that cannot be searched. Types that nobody named are left out instead.
 */
export function assertSearchGranted(context: Context, request: SearchRequest): void {
  if (request.everyType) return;
  for (const { type } of [request, ...request.furtherTypes]) {
    assertGranted(context, 'search', type);
    if (type === unsearchable) throw notSearchable();
  }
}

const notSearchable = (): OutcomeError =>
  badRequest('Binaries cannot be searched; read one by its id', { code: 'not-supported' });

/**
 * The request without chains through what cannot be searched, which would tell as much of it as a search: 400 for one that
 * leads nowhere else. One that leads to several types leads to the others.
 */
export function withoutUnsearchableLinks(request: SearchRequest): SearchRequest {
  return { ...request, ...searchablePart(request), furtherTypes: request.furtherTypes.map(searchablePart) };
}

const searchablePart = ({ type, criteria }: TypeCriteria): TypeCriteria => ({
  type,
  criteria: criteria.map(searchableCriterion),
});

function searchableCriterion(criterion: Criterion): Criterion {
  if (criterion.kind === 'and' || criterion.kind === 'or') {
    return { ...criterion, criteria: criterion.criteria.map(searchableCriterion) };
  }
  if (criterion.kind === 'not') return { ...criterion, criterion: searchableCriterion(criterion.criterion) };
  if (criterion.kind === 'has') return { ...criterion, source: searchablePart(criterion.source) };
  if (criterion.kind !== 'chain') return criterion;
  const targets = criterion.targets.filter(({ type }) => type !== unsearchable);
  if (targets.length === 0) throw notSearchable();
  return { ...criterion, targets: targets.map(searchablePart) };
}

/** The request without the types that cannot be searched and that nobody named. */
export function searchableRequest(request: SearchRequest): SearchRequest {
  if (!request.everyType) return request;
  const parts = [request, ...request.furtherTypes].filter(({ type }) => type !== unsearchable);
  const [first, ...others] = parts.map(({ type, criteria }) => ({ type, criteria }));
  return first === undefined ? request : { ...request, ...first, furtherTypes: others };
}
