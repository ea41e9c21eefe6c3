import { hash } from 'node:crypto';
import { badRequest, notFound, tooCostly } from '#fhir';
import { openCursor, sealCursor } from '#fhir-search';
import type { TenantDatabase } from '../tenant-database.js';
import type { Scope } from '../transaction.js';
import type { HistoryRequest } from './history-request.js';
import {
  completeUntil,
  findHistoryOfOne,
  findHistoryOfTypes,
  type FoundVersions,
  type HistoryPosition,
  type HistoryVersion,
  type HistoryWindow,
} from './history.sql.js';

export interface HistoryResult {
  readonly versions: readonly HistoryVersion[];
  /** How many versions the history of one resource has in all. */
  readonly total?: number;
  /** The cursor of the next page; undefined on the last one. */
  readonly next?: string;
}

/** Where a page goes on, and up to where the first page found the history complete. */
interface Continuation extends HistoryPosition {
  readonly until: string;
}

const everything = { from: '-infinity', until: 'infinity' } as const;

/**
 * Reads a page of a history; `types` are those of which the caller may see one that is not of a single resource. Who
 * reads on from a moment (`_since`, or oldest first) gets only what is complete: a version that commits late lies behind
 * the moment that the client comes back with. A page ends early when its bodies are too much for an answer.
 * Throws StaleRights, 400 for a cursor of another history, and 404 for a resource that never was.
 */
export async function readHistory(
  tenant: TenantDatabase,
  { connection, epoch }: Scope,
  request: HistoryRequest,
  types: readonly string[],
): Promise<HistoryResult> {
  const after = openContinuation(tenant, request);
  const isIncremental = request.since !== undefined || request.ascending;
  const until = after?.until ?? (isIncremental ? await completeUntil(connection) : everything.until);
  const window: HistoryWindow = {
    from: request.since ?? everything.from,
    until: earlier(until, request.at?.end),
    currentAfter: request.at?.start ?? everything.from,
    ...(after === undefined ? {} : { after }),
    ascending: request.ascending,
    offset: request.offset,
    // One more than the page holds tells whether there is a next one.
    limit: request.count === 0 ? 0 : request.count + 1,
  };
  if (request.type !== undefined && request.id !== undefined) {
    const found = await findHistoryOfOne(connection, epoch, request.type, request.id, window);
    if (found === undefined) throw notFound();
    return { total: found.total, ...pageOf(tenant, request, until, found) };
  }
  return pageOf(tenant, request, until, await findHistoryOfTypes(connection, epoch, types, window));
}

function pageOf(
  tenant: TenantDatabase,
  request: HistoryRequest,
  until: string,
  found: FoundVersions,
): Omit<HistoryResult, 'total'> {
  const versions = found.versions.slice(0, request.count);
  const last = versions.at(-1);
  if (found.isCut && last === undefined && request.count > 0) {
    throw tooCostly('The next version is longer than a page; read it by its number');
  }
  const hasMore = found.isCut || found.versions.length > request.count;
  if (!hasMore || last === undefined) return { versions };
  const plain = JSON.stringify([last.lastUpdated, last.rowId, last.versionId, until]);
  return { versions, next: sealCursor(tenant.cursorKey, identityOf(request), plain) };
}

function openContinuation(tenant: TenantDatabase, request: HistoryRequest): Continuation | undefined {
  if (request.cursor === undefined) return undefined;
  const plain = openCursor(tenant.cursorKey, identityOf(request), request.cursor);
  if (plain === undefined) {
    throw badRequest("The value of '_cursor' was not made for this history", {
      code: 'value',
      expression: ['_cursor'],
    });
  }
  const [lastUpdated, rowId, versionId, until] = JSON.parse(plain) as [string, string, string, string];
  return { lastUpdated, rowId, versionId, until };
}

/** The same for two requests that go through the same versions in the same order. */
function identityOf({ type, id, since, at, ascending }: HistoryRequest): Buffer {
  return Buffer.from(hash('sha256', JSON.stringify(['history', type, id, since, at, ascending]), 'hex'));
}

/** The earlier of two moments; both are in the one form that can be compared as text, or open ends. */
function earlier(one: string, other: string | undefined): string {
  if (other === undefined || other === 'infinity') return one;
  return one === 'infinity' || other === '-infinity' || other < one ? other : one;
}
