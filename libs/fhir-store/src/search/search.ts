import { tooCostly } from '#fhir';
import { decodeCursor, encodeCursor, planSearch, toCountSql, toSql } from '#fhir-search';
import type { CountRow, CursorPosition, SearchPlan, SearchRequest } from '#fhir-search';
import { compiledSql } from '#postgres';
import { assertEpoch } from '../caller.js';
import type { Context } from '../rights/rights.js';
import { askableRequest } from './askable-request.js';
import { findRows, firstOf, versionOf, type ShownRow } from './found-rows.js';
import { findIncluded } from './included.js';
import { searchRights, withoutUnsearchableLinks } from './search-rights.js';
import { inParts } from '../reading/in-parts.js';
import { shownAmong } from '../rights/shown-fields.js';
import type { StoredVersion } from '../stored-version.js';
import type { Scope } from '../transaction.js';

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
 * a request that would tell something of hidden fields, and 400 for one that would search Binaries.
 */
export function planRequest(context: Context, request: SearchRequest): SearchPlan {
  return planBehind(context, request, decodeCursor(context.tenant.cursorKey, request));
}

function planBehind(context: Context, request: SearchRequest, after: CursorPosition | undefined): SearchPlan {
  const { version, hasher } = context.tenant;
  const askable = askableRequest(context, withoutUnsearchableLinks(request));
  return planSearch(version, askable, hasher, searchRights(context), after);
}

/** A resource that a search has found. */
interface PlacedHit {
  readonly row: ShownRow;
  /** As the caller may see it and as the request wants it shown. */
  readonly shown: StoredVersion;
  /** Behind which the search goes on. */
  readonly place: CursorPosition;
}

/**
 * The first hits of a request behind `after`, whatever cursor and offset it has, each with its place, and where the next ones
 * are looked for, if there may be any; for searches that put their pages together themselves. Throws as `runSearch` does.
 */
export async function findBehind(
  context: Context,
  scope: Scope,
  request: SearchRequest,
  after: CursorPosition | undefined,
): Promise<{ readonly hits: readonly PlacedHit[]; readonly next: CursorPosition | undefined }> {
  const { cursor: _cursor, offset: _offset, ...first } = request;
  // The place stands for the cursor, of which nothing but its presence is asked.
  const plan = planBehind(context, after === undefined ? first : { ...first, cursor: '' }, after);
  const { rows, hasMore } = await findPage(scope, plan);
  // One at a time, so that each stays with its row when one of them is not shown.
  const hitsOf = (row: ShownRow): PlacedHit[] =>
    presented(context, request, shownAmong(context, 'search', [versionOf(row)])).map((shown) => ({
      row,
      shown,
      place: positionOf(plan, row),
    }));
  const last = rows.at(-1);
  return { hits: rows.flatMap(hitsOf), next: hasMore && last !== undefined ? positionOf(plan, last) : undefined };
}

async function findPage(
  scope: Scope,
  plan: SearchPlan,
): Promise<{ readonly rows: readonly ShownRow[]; readonly hasMore: boolean }> {
  const found = await findRows(scope, toSql(plan));
  const rows = found.rows.slice(0, plan.count);
  // A single body is shorter than a page by the limit of requests; a stored one that is not can be read by itself.
  if (found.isCut && rows.length === 0) throw tooCostly('The next resource is longer than a page; read it by its id');
  return { rows, hasMore: found.isCut || found.rows.length > plan.count };
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

  const { rows: page, hasMore } = await findPage(scope, plan);
  const last = page.at(-1);
  const next =
    hasMore && last !== undefined ? { next: encodeCursor(tenant.cursorKey, request, positionOf(plan, last)) } : {};
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
  const hits = presented(context, request, shownAmong(context, 'search', found.hits));
  return { ...found, hits, included: presentedIncludes(context, request, found.included) };
}

/** What comes along as the request wants it shown; `_elements` is about the matches alone. */
export const presentedIncludes = (
  context: Context,
  request: SearchRequest,
  included: StoredVersion[],
): StoredVersion[] => (request.shown.kind === 'elements' ? included : presented(context, request, included));

function presented({ tenant }: Context, { shown }: SearchRequest, versions: StoredVersion[]): StoredVersion[] {
  return shown.kind === 'all' ? versions : versions.map((version) => inParts(tenant.version, version, shown));
}

function positionOf(plan: SearchPlan, row: ShownRow): { id: string; values: (string | null)[] } {
  return { id: row.id, values: plan.order.map((_, position) => row[`s${position + 1}`] ?? null) };
}

async function countMatches({ connection, epoch }: Scope, plan: SearchPlan): Promise<number> {
  const row = firstOf(await connection.query<CountRow>(compiledSql(toCountSql(plan))));
  assertEpoch(epoch, row.epoch);
  return Number(row.total);
}
