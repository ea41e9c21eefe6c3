import type { Restrict, SearchRequest } from '#fhir-search';
import { assertGranted, type Context } from '../rights.js';

/** What the caller may see of each type, for everything that a search reads: matches, links to other types, includes. */
export const searchRights =
  ({ caller }: Context): Restrict =>
  (interaction, type) =>
    caller.policy.limits(interaction, type);

/**
 * Throws 403 when the caller may not search a type that the request names, and 404 for one that the version does not
 * have. Types that nobody named are left out by the plan instead.
 */
export function assertSearchGranted(context: Context, request: SearchRequest): void {
  if (request.everyType) return;
  for (const { type } of [request, ...request.furtherTypes]) assertGranted(context, 'search', type);
}
