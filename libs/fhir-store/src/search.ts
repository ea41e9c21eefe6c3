import { decodeCursor, encodeCursor, planSearch, toCountSql, toSql } from '#fhir-search';
import type { CountRow, SearchPlan, SearchRequest, SearchRow } from '#fhir-search';
import { compiledSql, type Connection } from '#postgres';
import { assertEpoch } from './caller.js';
import type { StoredVersion } from './stored-version.js';
import type { TenantDatabase } from './tenant-database.js';
import type { Scope } from './transaction.js';

export interface SearchResult {
  readonly hits: StoredVersion[];
  /** How many resources match in all, when the request asked for it. */
  readonly total?: number;
  /** The cursor of the next page; undefined on the last page. */
  readonly next?: string;
}

/**
 * Runs a search. The total, if asked for, is of the same snapshot as the hits. Throws StaleRights, and OutcomeError
 * `invalid` for a cursor that was not made for this search.
 */
export async function runSearch(tenant: TenantDatabase, scope: Scope, request: SearchRequest): Promise<SearchResult> {
  const plan = planSearch(tenant.version, request, tenant.hasher, decodeCursor(tenant.cursorKey, request));
  if (request.total === 'none') return findPage(tenant, scope, request, plan);
  const total = await countMatches(scope, plan);
  return request.count === 0 ? { hits: [], total } : { ...(await findPage(tenant, scope, request, plan)), total };
}

async function findPage(
  tenant: TenantDatabase,
  scope: Scope,
  request: SearchRequest,
  plan: SearchPlan,
): Promise<SearchResult> {
  const found = await findRows(scope, plan);
  const page = found.slice(0, plan.count);
  const last = page.at(-1);
  if (found.length <= plan.count || last === undefined) return { hits: page.map(hit) };
  const values = plan.order.map((_, position) => last[`s${position + 1}`] ?? null);
  return { hits: page.map(hit), next: encodeCursor(tenant.cursorKey, request, { id: last.id, values }) };
}

/** The rows of `plan` and, when there are more than fit on the page, one more. */
async function findRows({ connection, epoch }: Scope, plan: SearchPlan): Promise<(SearchRow & { id: string })[]> {
  const rows = await query<SearchRow>(connection, toSql(plan));
  assertEpoch(epoch, firstOf(rows).epoch);
  return rows.filter((row): row is SearchRow & { id: string } => row.id !== null);
}

async function countMatches({ connection, epoch }: Scope, plan: SearchPlan): Promise<number> {
  const row = firstOf(await query<CountRow>(connection, toCountSql(plan)));
  assertEpoch(epoch, row.epoch);
  return Number(row.total);
}

const query = <Row extends object>(connection: Connection, statement: ReturnType<typeof toSql>): Promise<Row[]> =>
  connection.query<Row>(compiledSql(statement));

function firstOf<Row>([row]: readonly Row[]): Row {
  if (row === undefined) throw new Error('The tenant database has no security epoch.');
  return row;
}

const hit = (row: SearchRow): StoredVersion => ({
  type: row.type,
  id: row.fhir_id,
  versionId: row.version,
  lastUpdated: row.last_updated,
  deleted: false,
  body: row.body,
  extendedMeta: row.extended_meta,
});
