/** A walk over the AuditEvents that clients have stored, as far as a search finds them. */
import type { CursorPosition, SearchRequest } from '#fhir-search';
import type { ShownRow } from '../search/found-rows.js';
import type { StoredVersion } from '../stored-version.js';
import { maxExamined, tooManyExamined } from './own-events.js';

/** A stored event that was found. */
export interface StoredEvent {
  readonly row: ShownRow;
  /** As the caller may see it and as the request wants it shown. */
  readonly shown: StoredVersion;
  /** Behind which the search goes on. */
  readonly place: CursorPosition;
}

/** Searches among the stored events, with the caller's rights. */
export interface StoredEvents {
  count(request: SearchRequest): Promise<number>;
  /** A page of the request behind `after`, whatever cursor and offset the request has, and behind what the next one is. */
  page(
    request: SearchRequest,
    after: CursorPosition | undefined,
  ): Promise<{ readonly events: readonly StoredEvent[]; readonly next: CursorPosition | undefined }>;
  /** What comes along with the events. */
  included(request: SearchRequest, events: readonly StoredEvent[]): Promise<StoredVersion[]>;
}

/** The events behind `after`, in the order of the request, read a page at a time. Throws `too-costly` and StaleRights. */
export async function* storedEvents(
  stored: StoredEvents,
  request: SearchRequest,
  after: CursorPosition | undefined,
): AsyncGenerator<StoredEvent> {
  let place = after;
  let examined = 0;
  for (;;) {
    const { events, next } = await stored.page(request, place);
    yield* events;
    examined += events.length;
    if (next === undefined) return;
    place = next;
    if (examined > maxExamined) throw tooManyExamined();
  }
}
