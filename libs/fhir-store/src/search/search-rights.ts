import { badRequest } from '#fhir';
import type { Restrict, SearchRequest } from '#fhir-search';
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
    if (type === unsearchable)
      throw badRequest('Binaries cannot be searched; read one by its id', { code: 'not-supported' });
  }
}

/** The request without the types that cannot be searched and that nobody named. */
export function searchableRequest(request: SearchRequest): SearchRequest {
  if (!request.everyType) return request;
  const parts = [request, ...request.furtherTypes].filter(({ type }) => type !== unsearchable);
  const [first, ...others] = parts.map(({ type, criteria }) => ({ type, criteria }));
  return first === undefined ? request : { ...request, ...first, furtherTypes: others };
}
