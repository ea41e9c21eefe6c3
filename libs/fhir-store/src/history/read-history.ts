import { hash } from 'node:crypto';
import { badRequest, notFound, tooCostly } from '#fhir';
import { maxPageBytes, openCursor, sealCursor } from '#fhir-search';
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
 * Leaves out the versions of resources of which the caller may not see the history, and of the others what is hidden. The
 * order stays.
 */
export type Sieve = (scope: Scope, versions: readonly HistoryVersion[]) => Promise<HistoryVersion[]>;

/** Of how many versions a sieve is asked for one page at most, and how many at a time. */
const maxSieved = 5_000;
const sievedAtOnce = 500;

/**
 * Reads a page of a history; `types` are those of which the caller may see one that is not of a single resource. Who
 * reads on from a moment (`_since`, or oldest first) gets only what is complete: a version that commits late lies behind
 * the moment that the client comes back with. A page ends early when its bodies are too much for an answer.
 *
 * `sieve` is for histories of types: the page is filled with what it lets through. When that takes looking at too many
 * versions the page is shorter, and the next one goes on behind the last version that was looked at.
 *
 * Throws StaleRights, 400 for a cursor of another history, 404 for a resource that never was, and `too-costly` when the
 * versions that `_offset` passes over are too many to look at.
 */
export async function readHistory(
  tenant: TenantDatabase,
  { connection, epoch }: Scope,
  request: HistoryRequest,
  types: readonly string[],
  sieve?: Sieve,
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
  if (sieve !== undefined && request.count > 0) {
    return sievedPage(
      tenant,
      request,
      until,
      (part) => findHistoryOfTypes(connection, epoch, types, { ...window, ...part }),
      (versions) => sieve({ connection, epoch }, versions),
    );
  }
  return pageOf(tenant, request, until, await findHistoryOfTypes(connection, epoch, types, window));
}

async function sievedPage(
  tenant: TenantDatabase,
  request: HistoryRequest,
  until: string,
  find: (part: { after?: HistoryPosition; offset: number; limit: number }) => Promise<FoundVersions>,
  sieve: (versions: readonly HistoryVersion[]) => Promise<HistoryVersion[]>,
): Promise<HistoryResult> {
  const wanted = request.offset + request.count;
  const shown: HistoryVersion[] = [];
  let last: HistoryVersion | undefined;
  let length = 0;
  let isComplete = false;
  let isFull = false;
  for (let looked = 0; looked < maxSieved && !isFull && shown.length <= wanted && !isComplete;) {
    const limit = Math.min(sievedAtOnce, Math.max(request.count + 1, 20));
    const found = await find({ ...(last === undefined ? {} : { after: last }), offset: 0, limit });
    looked += limit;
    if (found.isCut && found.versions.length === 0) throw nextIsTooLong();
    const passed = await sieve(found.versions);
    shown.push(...passed);
    length += passed.reduce((sum, { body }) => sum + body.length, 0);
    // What was cut has as many bytes as a page by itself, and no more of it goes onto this one.
    isFull = length >= maxPageBytes || (found.isCut && passed.length > 0);
    last = found.versions.at(-1) ?? last;
    isComplete = !found.isCut && found.versions.length < limit;
  }
  const versions = shown.slice(request.offset, wanted);
  if (shown.length > wanted) return { versions, next: cursorBehind(tenant, request, until, versions.at(-1)) };
  if (isComplete) return { versions };
  if (shown.length < request.offset)
    throw tooCostly('_offset passes over too many versions; follow the links of the pages');
  return { versions, next: cursorBehind(tenant, request, until, last) };
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
    throw nextIsTooLong();
  }
  const hasMore = found.isCut || found.versions.length > request.count;
  if (!hasMore || last === undefined) return { versions };
  return { versions, next: cursorBehind(tenant, request, until, last) };
}

function cursorBehind(
  tenant: TenantDatabase,
  request: HistoryRequest,
  until: string,
  last: HistoryPosition | undefined,
): string {
  if (last === undefined) throw new Error('A page goes on behind a version.');
  const plain = JSON.stringify([last.lastUpdated, last.rowId, last.versionId, until]);
  return sealCursor(tenant.cursorKey, identityOf(request), plain);
}

const nextIsTooLong = () => tooCostly('The next version is longer than a page; read it by its number');

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
