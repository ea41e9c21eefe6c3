/**
 * Dates (https://hl7.org/fhir/R4/search.html#date): the value of the search and the value of the resource are spans of
 * time, and each prefix asks for a relation between the two spans.
 */
import { dateInterval, isJsonObject, type DateInterval, type JsonValue, type TypedValue } from '#fhir';
import type { DateTest } from '../search-request.js';

/** Whether the date, period or timing of a resource satisfies one of the tests. A value without any date in it does not. */
export function matchesDate(tests: readonly DateTest[], value: TypedValue): boolean {
  const span = spanOf(value);
  return span !== undefined && span.start < span.end && tests.some((test) => holds(test, span));
}

function holds({ prefix, start, end }: DateTest, value: DateInterval): boolean {
  const within = start <= value.start && value.end <= end;
  switch (prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return value.end > end;
    case 'lt':
      return value.start < start;
    case 'ge':
      return within || value.end > end;
    case 'le':
      return within || value.start < start;
    case 'sa':
      return value.start >= end;
    case 'eb':
      return value.end <= start;
    case 'ap':
      return value.start < end && start < value.end;
  }
}

/** The outer limits of a value in time. A Period that lacks its start or end is open on that side. */
function spanOf({ type, value }: TypedValue): DateInterval | undefined {
  if (typeof value === 'string') return dateInterval(value);
  if (!isJsonObject(value)) return undefined;
  if (type === 'Period') return periodOf(value['start'], value['end']);
  if (type !== 'Timing') return undefined;
  const { event, repeat } = value;
  const bounds = isJsonObject(repeat) ? repeat['boundsPeriod'] : undefined;
  const spans = [
    ...(Array.isArray(event) ? event.map(intervalOf) : []),
    isJsonObject(bounds) ? periodOf(bounds['start'], bounds['end']) : undefined,
  ];
  return spans.reduce<DateInterval | undefined>((whole, span) => {
    if (!whole || !span) return whole ?? span;
    return { start: Math.min(whole.start, span.start), end: Math.max(whole.end, span.end) };
  }, undefined);
}

function periodOf(start: JsonValue | undefined, end: JsonValue | undefined): DateInterval | undefined {
  const first = intervalOf(start);
  const last = intervalOf(end);
  if (!first && !last) return undefined;
  return { start: first?.start ?? -Infinity, end: last?.end ?? Infinity };
}

const intervalOf = (value: JsonValue | undefined): DateInterval | undefined =>
  typeof value === 'string' ? dateInterval(value) : undefined;
