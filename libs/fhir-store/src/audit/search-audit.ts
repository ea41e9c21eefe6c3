/**
 * Searches of AuditEvent. One search walks over two rows of resources, as it does for definitions: the events of the
 * server's own audit come first, then those that clients have stored. The page, the total and the cursor are those of
 * both together; `_sort` orders each of the two (decision 0018).
 *
 * The audit has indexes for when, who, what and whose. What else the search asks, and what the caller's policy demands, is
 * judged row by row in memory, of so many rows at most.
 */
import { setImmediate } from 'node:timers/promises';
import { badRequest, tooCostly } from '#fhir';
import {
  decodeCursor,
  encodeCursor,
  matchesCriteria,
  maxPageBytes,
  showParts,
  type Criterion,
  type SearchRequest,
} from '#fhir-search';
import type { ReadingScope } from '../reading-scope.js';
import type { Context } from '../rights.js';
import type { SearchResult } from '../search.js';
import { shownAmong } from '../shown-fields.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';
import { auditEventVersion, eventsOf, judgedAuditEvent, seesSome, type AuditEventSource } from './audit-event.js';
import { auditEventId, auditKeyOf } from './audit-id.js';
import { findAuditRows, findAuditRowsByKey, type AuditPosition, type AuditWindow } from './audit-rows.sql.js';
import { auditWindow } from './audit-window.js';

/** What the search needs besides the audit, with the caller's rights. */
export interface AuditSearchContext {
  readonly context: Context;
  readonly scope: ReadingScope;
  /** Searches the AuditEvents that clients have stored. */
  readonly searchStored: (request: SearchRequest) => Promise<SearchResult>;
}

/** Whether the request is answered by `searchAudit`. A search over several types finds stored events alone. */
export const isAuditSearch = ({ type, furtherTypes, everyType }: SearchRequest): boolean =>
  type === 'AuditEvent' && furtherTypes.length === 0 && !everyType;

/** Rows that one request looks at, and events that it judges; a row about many patients has as many events. */
const maxExamined = 20_000;
/** How many rows are read at a time. */
const firstBatch = 100;
const furtherBatch = 2_000;

/** Events that are judged before other requests have their turn. */
const judgedInARow = 200;

/** The cursor inside the audit stands behind a mark that no row number has. */
const cursorMark = 'audit:';

/** Behind which event a page starts. */
interface EventPosition extends AuditPosition {
  readonly part: number;
}

/**
 * Answers a request for which `isAuditSearch` holds, of a caller who may search AuditEvent. Throws `too-costly` when too
 * many rows would have to be looked at, 400 for an order or a criterion that the audit does not know, and what
 * `searchStored` throws.
 */
export async function searchAudit(search: AuditSearchContext, request: SearchRequest): Promise<SearchResult> {
  const { context, searchStored } = search;
  const { tenant } = context;
  assertJudgeable(request.criteria);
  const descending = isDescending(request);
  const after = positionOf(tenant, request);
  const ownTotal = request.total === 'none' ? 0 : await countEvents(search, request);
  const withOwn = (result: SearchResult): SearchResult =>
    result.total === undefined ? result : { ...result, total: result.total + ownTotal };
  if (after === 'behind') return withOwn(await searchStored(request));
  if (request.count === 0) return withOwn(await searchStored(storedPart(request, 0, 0)));

  const hits: AuditEventSource[] = [];
  let offset = request.offset ?? 0;
  for await (const event of matchingEvents(search, request, { after, descending })) {
    if (offset > 0) {
      offset--;
      continue;
    }
    hits.push(event);
    if (hits.length > request.count) break;
  }
  const shown = withinPage(hits.slice(0, request.count).map((event) => shownEvent(context, request, event)));
  const last = hits[shown.length - 1];
  const next = () => encodeCursor(tenant.cursorKey, request, cursorOf(last));
  if (shown.length < hits.length) {
    const { total } = request.total === 'none' ? {} : await searchStored(storedPart(request, 0, 0));
    return withOwn({ hits: shown, included: [], next: next(), ...(total === undefined ? {} : { total }) });
  }
  // A page that is full still has to know whether another one follows.
  const room = request.count - shown.length;
  const rest = await searchStored(storedPart(request, Math.max(room, 1), offset));
  if (room > 0) return withOwn({ ...rest, hits: [...shown, ...rest.hits] });
  const { total } = rest;
  const found = { hits: shown, included: [], ...(total === undefined ? {} : { total }) };
  return withOwn(rest.hits.length > 0 ? { ...found, next: next() } : found);
}

async function countEvents(search: AuditSearchContext, request: SearchRequest): Promise<number> {
  let count = 0;
  for await (const _ of matchingEvents(search, request, { after: undefined, descending: true })) count++;
  return count;
}

/** The events that satisfy the request and that the caller may see, in order. Throws `too-costly` and StaleRights. */
async function* matchingEvents(
  { context: { tenant, caller }, scope }: AuditSearchContext,
  request: SearchRequest,
  direction: { after: EventPosition | undefined; descending: boolean },
): AsyncGenerator<AuditEventSource> {
  const limits = caller.policy.limits('search', 'AuditEvent');
  if (limits === undefined) return;
  const criteria = [...request.criteria, ...limits];
  const { version, projectId, ownBaseUrls } = tenant;
  const matchContext = ownBaseUrls === undefined ? {} : { ownBaseUrls };
  const ids = request.criteria.find((criterion) => criterion.kind === 'id' && !criterion.negated);
  const candidates =
    ids?.kind === 'id'
      ? eventsOfIds(scope, ids.ids, direction)
      : eventsOfWindow(scope, auditWindow(criteria), direction);
  let judged = 0;
  for await (const event of candidates) {
    if (++judged > maxExamined) throw tooManyExamined();
    if (judged % judgedInARow === 0) await setImmediate();
    const { value } = judgedAuditEvent(version, projectId, event);
    if (matchesCriteria(version, criteria, value, matchContext)) yield event;
  }
}

type Direction = Parameters<typeof matchingEvents>[2];

async function* eventsOfIds(
  scope: ReadingScope,
  ids: readonly string[],
  { after, descending }: Direction,
): AsyncGenerator<AuditEventSource> {
  const keys = ids.flatMap((id) => auditKeyOf('AuditEvent', id) ?? []);
  if (keys.length === 0) return;
  const distinct = [...new Map(keys.map((key) => [`${key.writer}-${key.id}`, key])).values()];
  const rows = await scope.run((connection) => findAuditRowsByKey(connection, scope.epoch, distinct));
  const asked = new Set(ids);
  const start = after === undefined ? -1 : rows.findIndex(({ id }) => id === after.id);
  const ordered = descending ? rows.toReversed() : rows;
  const place = start < 0 ? 0 : descending ? rows.length - 1 - start : start;
  for (const row of ordered.slice(place)) {
    for (const event of eventsOf(row)) {
      const isAsked = asked.has(auditEventId({ writer: row.writer, id: row.id, part: event.part }));
      if (isAsked && (row.id !== after?.id || event.part > after.part)) yield event;
    }
  }
}

async function* eventsOfWindow(
  scope: ReadingScope,
  window: AuditWindow,
  { after, descending }: Direction,
): AsyncGenerator<AuditEventSource> {
  const mayBeAbout = aboutAllOf(window);
  let position = after ?? (descending ? lastPosition : firstPosition);
  let limit = firstBatch;
  for (let examined = 0; examined < maxExamined; examined += limit, limit = furtherBatch) {
    const start = position;
    const { rows, isLast } = await scope.run((connection) =>
      findAuditRows(connection, scope.epoch, window, start, { descending, limit: limit + 1 }),
    );
    for (const row of rows) {
      for (const event of eventsOf(row)) {
        if (row.id === start.id && event.part <= start.part) continue;
        position = { recorded: row.recorded, id: row.id, part: event.part };
        if (mayBeAbout(event)) yield event;
      }
    }
    if (isLast) return;
  }
  throw tooManyExamined();
}

const tooManyExamined = () =>
  tooCostly(
    `The search would look at more than ${maxExamined} entries of the audit; narrow it by 'date', 'patient', 'agent' or 'entity'`,
  );

/** Whether an event can be about what the window is about. Of a row about many patients most events are not. */
function aboutAllOf({ keys }: AuditWindow): (event: AuditEventSource) => boolean {
  const wanted = keys.map((references) => new Set(references));
  return ({ row, compartment }) => {
    const [entity = ''] = row.entity.split('/_history');
    const own = [row.agent, row.on_behalf_of ?? '', entity, ...compartment];
    return wanted.every((references) => own.some((reference) => references.has(reference)));
  };
}

const firstPosition: EventPosition = { recorded: '-infinity', id: '0', part: -1 };
const lastPosition: EventPosition = { recorded: 'infinity', id: '9223372036854775807', part: -1 };

function shownEvent(context: Context, { shown }: SearchRequest, event: AuditEventSource): StoredVersion {
  const { version, projectId } = context.tenant;
  const isLimited = seesSome(context.caller, 'search');
  const [found] = shownAmong(context, 'search', [auditEventVersion(version, projectId, event, isLimited)]);
  if (found === undefined) throw new Error('A policy grants by its limits an event that it does not grant by itself.');
  return shown.kind === 'all' ? found : { ...found, body: showParts(version, found.type, found.body, shown) };
}

/** As many of the events from the first on as go into one answer. */
function withinPage(events: readonly StoredVersion[]): StoredVersion[] {
  let length = 0;
  const end = events.findIndex(({ body }) => (length += body.length) > maxPageBytes);
  return events.slice(0, end < 0 ? events.length : Math.max(end, 1));
}

function isDescending({ sort }: SearchRequest): boolean {
  const unknown = sort.find(({ code }) => code !== 'date' && code !== '_lastUpdated');
  if (unknown !== undefined) {
    throw badRequest(`AuditEvents can be sorted by 'date' and '_lastUpdated' only, not by '${unknown.code}'`, {
      code: 'value',
      expression: ['_sort'],
    });
  }
  return sort[0]?.descending ?? false;
}

/** Links to other resources are not followed from the audit, and to leave them out would find too much or too little. */
function assertJudgeable(criteria: readonly Criterion[]): void {
  for (const criterion of criteria) {
    const { kind } = criterion;
    if (kind === 'chain' || kind === 'has' || kind === 'list') {
      throw badRequest('AuditEvents cannot be searched by chains, _has and _list');
    }
    if (kind === 'and' || kind === 'or') assertJudgeable(criterion.criteria);
    if (kind === 'not') assertJudgeable([criterion.criterion]);
  }
}

/** Where the page starts; `behind` when the cursor stands among the stored events, undefined without a cursor. */
function positionOf(tenant: TenantDatabase, request: SearchRequest): EventPosition | 'behind' | undefined {
  const after = decodeCursor(tenant.cursorKey, request);
  if (after === undefined) return undefined;
  if (!after.id.startsWith(cursorMark)) return 'behind';
  const [id, part] = after.values;
  return { recorded: after.id.slice(cursorMark.length), id: id ?? '0', part: Number(part) };
}

function cursorOf(event: AuditEventSource | undefined): { id: string; values: string[] } {
  if (event === undefined) throw new Error('A page without an event has no next one.');
  const { row, part } = event;
  return { id: cursorMark + row.recorded, values: [row.id, String(part)] };
}

function storedPart(request: SearchRequest, count: number, offset: number): SearchRequest {
  const { cursor: _cursor, offset: _offset, ...rest } = request;
  return { ...rest, count, ...(offset > 0 ? { offset } : {}), ...(count === 0 ? { total: 'accurate' as const } : {}) };
}
