/**
 * A walk over the events of the server's own audit that a search finds. The audit has indexes for when, who, what and
 * whose. What else the search asks, and what the caller's policy demands, is judged row by row in memory, of so many rows at
 * most.
 */
import { setImmediate } from 'node:timers/promises';
import { tooCostly } from '#fhir';
import { matchesCriteria, type Criterion, type SearchRequest } from '#fhir-search';
import type { ReadingScope } from '../reading/reading-scope.js';
import type { Context } from '../rights/rights.js';
import { hasInSchema } from '../schema-features.js';
import type { TenantDatabase } from '../tenant-database.js';
import { eventsOf, judgedAuditEvent, type AuditEventSource } from './audit-event.js';
import { auditEventId, auditKeyOf } from './audit-id.js';
import { findAuditRows, findAuditRowsByKey, type AuditPosition, type AuditWindow } from './audit-rows.sql.js';
import { auditWindow } from './audit-window.js';
import { seenEvent } from './seen-event.js';

/** Rows that one request looks at, and events that it judges; a row about many patients has as many events. */
export const maxExamined = 20_000;
/** How many rows are read at a time. */
const firstBatch = 100;
const furtherBatch = 2_000;

/** Events that are judged before other requests have their turn. */
const judgedInARow = 200;

/** Behind which event a walk starts. */
export interface EventPosition extends AuditPosition {
  readonly part: number;
}

/** Where a walk starts, undefined for its beginning, and in which order it goes. */
interface Direction {
  readonly after: EventPosition | undefined;
  readonly descending: boolean;
}

/** Where a walk starts without a position, in each direction; the other one's start is behind its last event. */
export const firstPosition: EventPosition = { recorded: '-infinity', id: '0', part: -1 };
const lastPosition: EventPosition = { recorded: 'infinity', id: '9223372036854775807', part: -1 };

export const positionOf = ({ row, part }: AuditEventSource): EventPosition => ({
  recorded: row.recorded,
  id: row.id,
  part,
});

/** The events that satisfy the request and that the caller may see, in order. Throws `too-costly` and StaleRights. */
export async function* matchingEvents(
  context: Context,
  scope: ReadingScope,
  request: SearchRequest,
  direction: Direction,
): AsyncGenerator<AuditEventSource> {
  const { tenant, caller } = context;
  const limits = caller.policy.limits('search', 'AuditEvent');
  if (limits === undefined || isBehindAll(direction)) return;
  const criteria = [...request.criteria, ...limits];
  const { version, projectId, ownBaseUrls } = tenant;
  const matchContext = ownBaseUrls === undefined ? {} : { ownBaseUrls };
  const ids = request.criteria.find((criterion) => criterion.kind === 'id' && !criterion.negated);
  const candidates =
    ids?.kind === 'id'
      ? eventsOfIds(scope, ids.ids, direction)
      : eventsOfWindow(scope, indexedWindow(tenant, criteria), direction);
  let judged = 0;
  for await (const candidate of candidates) {
    if (++judged > maxExamined) throw tooManyExamined();
    if (judged % judgedInARow === 0) await setImmediate();
    const event = seenEvent(context, candidate);
    const { value } = judgedAuditEvent(version, projectId, event);
    if (matchesCriteria(version, criteria, value, matchContext)) yield event;
  }
}

const isBehindAll = ({ after, descending }: Direction): boolean =>
  descending && after?.recorded === firstPosition.recorded;

function indexedWindow(tenant: TenantDatabase, criteria: readonly Criterion[]): AuditWindow {
  const window = auditWindow(criteria);
  return { ...window, deletionsOnly: window.deletionsOnly && hasInSchema(tenant, 'deletionsInAudit') };
}

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

export const tooManyExamined = () =>
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
