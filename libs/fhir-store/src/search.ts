import { tooCostly } from '#fhir';
import { decodeCursor, encodeCursor, planSearch, showParts, toCountSql, toSql } from '#fhir-search';
import type { CountRow, SearchPlan, SearchRequest } from '#fhir-search';
import { compiledSql } from '#postgres';
import { assertEpoch } from './caller.js';
import type { Context } from './rights.js';
import { askableRequest } from './search/askable-request.js';
import { findRows, firstOf, versionOf, type ShownRow } from './search/found-rows.js';
import { findIncluded } from './search/included.js';
import { searchRights } from './search/search-rights.js';
import { unguardedBody } from './security-context.js';
import { shownAmong } from './shown-fields.js';
import type { StoredVersion } from './stored-version.js';
import type { Scope } from './transaction.js';

export interface SearchResult {
  readonly hits: StoredVersion[];
  /** What comes along with the hits; none of them is a hit. */
  readonly included: StoredVersion[];
  /** How many resources match in all, when the request asked for it. */
  readonly total?: number;
  /** The cursor of the next page; undefined on the last page. */
  readonly next?: string;
}

/** Whether the search is one statement; several must run in one snapshot. */
export const isOneStatement = ({ total, count, includes }: SearchRequest): boolean =>
  count === 0 || (total === 'none' && includes.length === 0);

/**
 * How the request is answered within the caller's rights. Throws OutcomeError for a cursor of another search, and 403 for
 * a request that would tell something of hidden fields.
 */
export function planRequest(context: Context, request: SearchRequest): SearchPlan {
  const { version, hasher, cursorKey } = context.tenant;
  const askable = askableRequest(context, request);
  return planSearch(version, askable, hasher, searchRights(context), decodeCursor(cursorKey, request));
}

/**
 * Runs a search as far as the caller's rights go; the hits are whole, whatever the caller may see of them. The total and
 * the included resources are of the same snapshot as the hits when `scope` is one. A page ends early when its bodies are too much for an answer. Throws StaleRights, and
 * OutcomeError `too-costly` for more included resources than an answer holds.
 */
export async function runSearch(
  context: Context,
  scope: Scope,
  request: SearchRequest,
  plan = planRequest(context, request),
): Promise<SearchResult> {
  const { tenant } = context;
  const total = request.total === 'none' ? {} : { total: await countMatches(scope, plan) };
  if (plan.count === 0) return { hits: [], included: [], ...total };

  const found = await findRows(scope, toSql(plan));
  const page = found.rows.slice(0, plan.count);
  const last = page.at(-1);
  // A single body is shorter than a page by the limit of requests; a stored one that is not can be read by itself.
  if (found.isCut && last === undefined) throw tooCostly('The next resource is longer than a page; read it by its id');
  const hasMore = (found.isCut || found.rows.length > plan.count) && last !== undefined;
  const next = hasMore ? { next: encodeCursor(tenant.cursorKey, request, positionOf(plan, last)) } : {};
  const included = request.includes.length === 0 ? [] : await findIncluded(context, scope, request, page);
  return { hits: page.map(versionOf), included, ...total, ...next };
}

/**
 * The same with each resource as the caller may see it and as the request wants it shown; `_elements` is about the matches
 * alone.
 */
export async function answerSearch(
  context: Context,
  scope: Scope,
  request: SearchRequest,
  plan: SearchPlan,
): Promise<SearchResult> {
  const found = await runSearch(context, scope, request, plan);
  const result = { ...found, hits: shownAmong(context, 'search', found.hits) };
  const { shown } = request;
  if (shown.kind === 'all') return result;
  const show = (version: StoredVersion) => ({
    ...version,
    body: showParts(context.tenant.version, version.type, unguardedBody(version), shown),
  });
  const included = shown.kind === 'elements' ? result.included : result.included.map(show);
  return { ...result, hits: result.hits.map(show), included };
}

function positionOf(plan: SearchPlan, row: ShownRow): { id: string; values: (string | null)[] } {
  return { id: row.id, values: plan.order.map((_, position) => row[`s${position + 1}`] ?? null) };
}

async function countMatches({ connection, epoch }: Scope, plan: SearchPlan): Promise<number> {
  const row = firstOf(await connection.query<CountRow>(compiledSql(toCountSql(plan))));
  assertEpoch(epoch, row.epoch);
  return Number(row.total);
}
