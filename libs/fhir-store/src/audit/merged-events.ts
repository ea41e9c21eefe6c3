/** Two walks in the order of time as one. */
import type { AuditEventSource } from './audit-event.js';
import type { StoredEvent } from './stored-events.js';

/** An event of one of the two kinds. */
export interface FoundEvent {
  readonly own?: AuditEventSource;
  readonly stored?: StoredEvent;
  /** Whether there is no event of the server's own audit from here on. */
  readonly isOwnOver: boolean;
}

/**
 * The events of both, each of which is in that order by itself, in the order of their moments. Of two with the same moment
 * the server's own one is the older, and a stored one without a moment comes last. Reads no more of either than it gives.
 */
export async function* mergedEvents(
  ownEvents: AsyncIterator<AuditEventSource>,
  stored: AsyncIterator<StoredEvent>,
  descending: boolean,
): AsyncGenerator<FoundEvent> {
  let [own, other] = [await ownEvents.next(), await stored.next()];
  for (;;) {
    const isOwnOver = own.done === true;
    if (own.done !== true && (other.done === true || isFirst(own.value, other.value, descending))) {
      yield { own: own.value, isOwnOver };
      own = await ownEvents.next();
    } else if (other.done !== true) {
      yield { stored: other.value, isOwnOver };
      other = await stored.next();
    } else {
      return;
    }
  }
}

function isFirst({ row }: AuditEventSource, { place }: StoredEvent, descending: boolean): boolean {
  const moment = momentOf(place.values[0]);
  if (moment === undefined) return true;
  const recorded = Date.parse(row.recorded);
  return descending ? recorded > moment : recorded <= moment;
}

/** The moment by which a stored event is sorted, as PostgreSQL writes it; undefined when it has none. */
function momentOf(text: string | null | undefined): number | undefined {
  if (text === null || text === undefined) return undefined;
  if (text === 'infinity') return Infinity;
  return text === '-infinity' ? -Infinity : Date.parse(text);
}
