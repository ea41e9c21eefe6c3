/**
 * Date parameters (https://hl7.org/fhir/R4/search.html#date): both the value in the search and the value in the
 * resource stand for spans of time, by their precision. The comparison of the spans is in `sql/conditions.ts`.
 */
import { dateInterval, isJsonObject, type JsonValue, type TypedValue } from '#fhir';
import type { Criterion, DateTest, Prefix } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { badValue, modifierNotSupported, type ParameterType } from './parameter-type.js';

type DateCriterion = Extract<Criterion, { kind: 'date' }>;

export const date: ParameterType<DateCriterion> = {
  parse({ code, key }, modifier, values, { now }) {
    if (modifier !== undefined) throw modifierNotSupported(code, modifier);
    return { kind: 'date', parameter: { code, key }, tests: values.map((value) => parseDateTest(code, value, now)) };
  },

  toCondition: ({ parameter, tests }) => ({ kind: 'date', parameter: parameter.key, tests }),

  index(_parameter, values, writer) {
    for (const value of values) {
      const span = dateSpanOf(value);
      if (span !== undefined) writer.date(span.start, span.end);
    }
  },
};

/** Reads a date with its prefix, such as `ge2024-03`. */
export function parseDateTest(parameter: string, value: string, now: Date): DateTest {
  const text = unescapeValue(value);
  const prefixed = /^(eq|ne|gt|ge|lt|le|sa|eb|ap)(?=\d)/.exec(text)?.[0];
  const prefix = (prefixed ?? 'eq') as Prefix;
  // A `+` that was not percent-encoded arrives as a blank; before an offset nothing else can be meant.
  const moment = text.slice(prefixed?.length ?? 0).replace(/ (\d\d:\d\d)$/, '+$1');
  const span = dateInterval(moment);
  if (span === undefined) {
    throw badValue(parameter, value, 'expected a date like 2024, 2024-03, 2024-03-01 or 2024-03-01T12:30:00Z');
  }
  if (prefix !== 'ap') return { prefix, ...span };
  // "Approximately" is the standard's own suggestion: a tenth of the distance between now and the date.
  const slack = Math.round(Math.abs(now.getTime() - span.start) / 10);
  return { prefix, start: span.start - slack, end: span.end + slack };
}

interface Span {
  start: number;
  end: number;
}

/** The span [start, end) of a date, Period or Timing; undefined for other types and for spans that end before they start. */
export function dateSpanOf(value: TypedValue): Span | undefined {
  const span = outerSpan(value);
  return span !== undefined && span.start < span.end ? span : undefined;
}

function outerSpan({ type, value }: TypedValue): Span | undefined {
  if (typeof value === 'string') return dateInterval(value);
  if (!isJsonObject(value)) return undefined;
  if (type === 'Period') return periodSpan(value['start'], value['end']);
  if (type === 'Timing') return timingSpan(value['event'], value['repeat']);
  return undefined;
}

/** A Period without a start (or end) is open on that side; its end belongs to it. */
function periodSpan(start: JsonValue | undefined, end: JsonValue | undefined): Span | undefined {
  const from = typeof start === 'string' ? dateInterval(start) : undefined;
  const to = typeof end === 'string' ? dateInterval(end) : undefined;
  if (from === undefined && to === undefined) return undefined;
  return { start: from?.start ?? -Infinity, end: to?.end ?? Infinity };
}

/** Of a Timing only the outer limits count: those of its events and of the period that bounds its repetition. */
function timingSpan(events: JsonValue | undefined, repeat: JsonValue | undefined): Span | undefined {
  const bounds = isJsonObject(repeat) && isJsonObject(repeat['boundsPeriod']) ? repeat['boundsPeriod'] : undefined;
  const spans = [
    ...(Array.isArray(events)
      ? events.map((event) => (typeof event === 'string' ? dateInterval(event) : undefined))
      : []),
    bounds && periodSpan(bounds['start'], bounds['end']),
  ].filter((span) => span !== undefined);
  if (spans.length === 0) return undefined;
  // Not `Math.min` of all: a call takes only so many arguments.
  return spans.reduce(({ start, end }, span) => ({
    start: Math.min(start, span.start),
    end: Math.max(end, span.end),
  }));
}
