/**
 * Searches of AuditEvent. The events of the server's own audit and those that clients have stored are one list: in the
 * order that `_sort` asks for, by the moment of their recording or of their last change, and oldest first without it. The
 * page, the total and the cursor are those of both together (decision 0018).
 */
import { badRequest } from '#fhir';
import { decodeCursor, encodeCursor, maxPageBytes, showParts, type Criterion, type SearchRequest } from '#fhir-search';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import type { SearchResult } from '../search/search.js';
import { shownAmong } from '../rights/shown-fields.js';
import type { StoredVersion } from '../stored-version.js';
import { auditEventVersion, seesSome, type AuditEventSource } from './audit-event.js';
import { mergedEvents, type FoundEvent } from './merged-events.js';
import { firstPosition, matchingEvents, positionOf, type EventPosition } from './own-events.js';
import { storedEvents, type StoredEvent, type StoredEvents } from './stored-events.js';

/** What the search needs besides the audit, with the caller's rights. */
export interface AuditSearchContext {
  readonly context: Context;
  readonly scope: ReadingScope;
  readonly stored: StoredEvents;
}

/** Whether the request is answered by `searchAudit`. A search over several types finds stored events alone. */
export const isAuditSearch = ({ type, furtherTypes, everyType }: SearchRequest): boolean =>
  type === 'AuditEvent' && furtherTypes.length === 0 && !everyType;

/** The cursor is no row number, but two places: one in the audit, and one among the stored events. */
const cursorMark = 'audit';

/** Behind which events a page starts; undefined where none has been passed. */
interface Places {
  readonly own: EventPosition | undefined;
  readonly stored: StoredEvent['place'] | undefined;
}

/**
 * Answers a request for which `isAuditSearch` holds, of a caller who may search AuditEvent. Throws `too-costly` when too
 * many rows would have to be looked at, 400 for an order or a criterion that the audit does not know, and what `stored`
 * throws.
 */
export async function searchAudit(search: AuditSearchContext, request: SearchRequest): Promise<SearchResult> {
  const { context, stored } = search;
  assertJudgeable(request.criteria);
  const ordered = inOrder(request);
  const [key] = ordered.sort;
  const descending = key?.descending ?? false;
  const total = request.total === 'none' ? {} : { total: await countAll(search, ordered) };
  if (request.count === 0) return { hits: [], included: [], ...total };

  const before = placesOf(context, request);
  const page = await readPage(search, ordered, before, descending);
  const matches = page.events.flatMap((event) => (event.stored === undefined ? [] : [event.stored]));
  const included = await stored.included(request, matches);
  const next = page.hasMore ? { next: cursorOf(context, request, page.places) } : {};
  return { hits: page.hits, included, ...total, ...next };
}

/** The request with an order in which both kinds of events can be: that of time. */
function inOrder(request: SearchRequest): SearchRequest {
  const unknown = request.sort.find(({ code }) => code !== 'date' && code !== '_lastUpdated');
  if (unknown !== undefined) {
    throw badRequest(`AuditEvents can be sorted by 'date' and '_lastUpdated' only, not by '${unknown.code}'`, {
      code: 'value',
      expression: ['_sort'],
    });
  }
  if (request.sort.length > 0) return request;
  return { ...request, sort: [{ code: '_lastUpdated', descending: false, by: 'last-updated' }] };
}

async function countAll({ context, scope, stored }: AuditSearchContext, request: SearchRequest): Promise<number> {
  let count = await stored.count(request);
  for await (const _ of matchingEvents(context, scope, request, { after: undefined, descending: true })) count++;
  return count;
}

interface Page {
  readonly events: readonly FoundEvent[];
  readonly hits: StoredVersion[];
  readonly hasMore: boolean;
  /** Behind its last events. */
  readonly places: Places;
}

async function readPage(
  { context, scope, stored }: AuditSearchContext,
  request: SearchRequest,
  before: Places,
  descending: boolean,
): Promise<Page> {
  const own = matchingEvents(context, scope, request, { after: before.own, descending });
  const merged = mergedEvents(own, storedEvents(stored, request, before.stored), descending);
  const events: FoundEvent[] = [];
  const hits: StoredVersion[] = [];
  let places = before;
  let length = 0;
  let offset = request.offset ?? 0;
  for await (const event of merged) {
    if (offset > 0) {
      offset--;
      continue;
    }
    const hit = hitOf(context, request, event);
    length += hit.body.length;
    // A page ends when it is full, or when its bodies are too much for an answer.
    if (hits.length === request.count || (length > maxPageBytes && hits.length > 0)) {
      // Nothing older comes to the audit, so who has been through all of it need not look again.
      if (event.isOwnOver && descending) places = { ...places, own: firstPosition };
      return { events, hits, hasMore: true, places };
    }
    events.push(event);
    hits.push(hit);
    places = behind(places, event);
  }
  return { events, hits, hasMore: false, places };
}

const behind = (places: Places, { own, stored }: FoundEvent): Places => ({
  own: own === undefined ? places.own : positionOf(own),
  stored: stored === undefined ? places.stored : stored.place,
});

function hitOf(context: Context, request: SearchRequest, { own, stored }: FoundEvent): StoredVersion {
  if (own !== undefined) return shownEvent(context, request, own);
  if (stored === undefined) throw new Error('An event is one of the two kinds.');
  return stored.shown;
}

function shownEvent(context: Context, { shown }: SearchRequest, event: AuditEventSource): StoredVersion {
  const { version, projectId } = context.tenant;
  const isLimited = seesSome(context.caller, 'search');
  const [found] = shownAmong(context, 'search', [auditEventVersion(version, projectId, event, isLimited)]);
  if (found === undefined) throw new Error('A policy grants by its limits an event that it does not grant by itself.');
  return shown.kind === 'all' ? found : { ...found, body: showParts(version, found.type, found.body, shown) };
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

/** Where the page starts. A cursor holds the place in the audit, three texts or nulls, and behind it the other one. */
function placesOf({ tenant }: Context, request: SearchRequest): Places {
  const after = decodeCursor(tenant.cursorKey, request);
  if (after === undefined) return { own: undefined, stored: undefined };
  const [recorded, id, part, storedId, ...values] = after.values;
  const own = typeof recorded === 'string' && typeof id === 'string' ? { recorded, id, part: Number(part) } : undefined;
  return { own, stored: typeof storedId === 'string' ? { id: storedId, values } : undefined };
}

function cursorOf({ tenant }: Context, request: SearchRequest, { own, stored }: Places): string {
  const ownPlace = own === undefined ? [null, null, null] : [own.recorded, own.id, String(own.part)];
  const storedPlace = stored === undefined ? [null] : [stored.id, ...stored.values];
  return encodeCursor(tenant.cursorKey, request, { id: cursorMark, values: [...ownPlace, ...storedPlace] });
}
