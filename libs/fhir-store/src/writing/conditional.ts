/**
 * Conditional interactions (https://hl7.org/fhir/R4/http.html#ccreate, #cond-update): a search decides which resource is
 * meant. Two equal ones at the same time must not both find nothing and both create, so whoever may create takes a lock
 * on the criteria first and holds it until its transaction ends.
 */
import { multipleMatches, preconditionFailed, tooCostly } from '#fhir';
import { parseSearch, parseSystemSearch } from '#fhir-search';
import type { ParseOptions, SearchRequest } from '#fhir-search';
import { compiledSql } from '#postgres';
import { readingsOn } from '../reading/reading-scope.js';
import { withReadableContext } from '../rights/guarded-binaries.js';
import { assertGranted, type Context } from '../rights/rights.js';
import { mayBeGuarded } from '../rights/security-context.js';
import { runSearch } from '../search/search.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import type { Scope } from '../transaction.js';

/**
 * Reads the criteria of a conditional interaction. Throws 403 when the caller may not search the type, 400 for criteria
 * that are no valid search, and 412 when nothing in them selects: an interaction without a condition is not meant. The
 * request asks for `count` matches.
 */
export function conditionalRequest(context: Context, type: string, query: string, count = 1): SearchRequest {
  assertGranted(context, 'search', type);
  const { tenant } = context;
  const criteria = query.startsWith('?') ? query.slice(1) : query;
  return conditional(parseSearch(tenant.version, type, criteria, optionsOf(tenant)), count);
}

/**
 * The same for a conditional interaction with resources of several types. Throws 412 when `_type` does not name them: what
 * is said of the whole project by mistake would be too much.
 */
export function conditionalSystemRequest(context: Context, query: string, count: number): SearchRequest {
  const { tenant } = context;
  const request = parseSystemSearch(tenant.version, query, optionsOf(tenant));
  if (request.everyType) throw preconditionFailed('A conditional interaction without a type must name types by _type');
  for (const { type } of typesOf(request)) assertGranted(context, 'search', type);
  return conditional(request, count);
}

/** The types that a request is about, each with its criteria. */
export const typesOf = (request: SearchRequest): readonly Pick<SearchRequest, 'type' | 'criteria'>[] => [
  request,
  ...request.furtherTypes,
];

const optionsOf = ({ ownBaseUrls }: TenantDatabase): ParseOptions => ({
  handling: 'strict',
  ...(ownBaseUrls ? { ownBaseUrls } : {}),
});

function conditional(request: SearchRequest, count: number): SearchRequest {
  const bare = typesOf(request).find(({ criteria }) => criteria.length === 0);
  if (bare !== undefined) {
    throw preconditionFailed(`A conditional interaction needs at least one search criterion on ${bare.type}`);
  }
  const { cursor: _cursor, offset: _offset, ...rest } = request;
  return { ...rest, sort: [], includes: [], total: 'none', count };
}

/** Equal for requests that select the same by the same criteria, in whatever order they were given. */
export const criteriaKey = (request: SearchRequest): string =>
  JSON.stringify([request.type, ...request.criteria.map((criterion) => JSON.stringify(criterion)).sort()]);

/** Waits until no other transaction works on these criteria and keeps others away until this one ends. */
export async function lockCriteria({ connection }: Scope, requests: readonly SearchRequest[]): Promise<void> {
  if (requests.length === 0) return;
  // One order for everybody, so that transactions with several criteria never wait for each other in a ring.
  const keys = [...new Set(requests.map(criteriaKey))].sort();
  await connection.query(
    compiledSql({
      name: 'store_lock_criteria',
      text: 'SELECT pg_advisory_xact_lock(hashtextextended(key, 0)) FROM unnest($1::text[]) AS k (key)',
      values: [keys],
    }),
  );
}

/** The one resource that matches; undefined when none does. Throws `multiple-matches` (412). */
export async function findMatch(
  context: Context,
  scope: Scope,
  request: SearchRequest,
): Promise<StoredVersion | undefined> {
  const { hits, hasMore } = await findMatches(context, scope, request);
  if (hasMore) throw multipleMatches();
  return hits[0];
}

/** How many matches are looked at in one statement, and in all, where some of them may be invisible. */
const lookedAt = 100;
const maxLookedAt = 1_000;

/**
 * What matches, up to the request's count, and whether more does. A Binary whose security context the caller cannot read
 * does not match: what is found would tell what is said of it. Throws `too-costly` when too many have to be looked at.
 */
export async function findMatches(
  context: Context,
  scope: Scope,
  request: SearchRequest,
): Promise<{ readonly hits: readonly StoredVersion[]; readonly hasMore: boolean }> {
  if (!typesOf(request).some(({ type }) => mayBeGuarded(type))) {
    const { hits, next } = await runSearch(context, scope, request);
    return { hits, hasMore: next !== undefined };
  }
  const visible: StoredVersion[] = [];
  let page: SearchRequest = { ...request, count: lookedAt };
  for (let looked = 0; looked < maxLookedAt; looked += lookedAt) {
    const { hits, next } = await runSearch(context, scope, page);
    visible.push(...(await withReadableContext(context, readingsOn(scope), hits)));
    const hasMore = visible.length > request.count;
    if (hasMore || next === undefined) return { hits: visible.slice(0, request.count), hasMore };
    page = { ...page, cursor: next };
  }
  throw tooCostly('The criteria find too many Binaries; name them more exactly');
}
