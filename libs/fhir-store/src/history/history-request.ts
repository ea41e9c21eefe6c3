/**
 * The parameters of a history (https://hl7.org/fhir/R4/http.html#history): `_count`, `_since`, `_at`, `_sort`, and for
 * pages `_cursor` or `_offset`.
 */
import { badRequest, dateInterval, type OutcomeError } from '#fhir';
import { queryPairs, timestampText } from '#fhir-search';

/** Whose versions: of one resource, of all resources of a type, or of all. */
export interface HistoryScope {
  readonly type?: string;
  /** Only together with a type. */
  readonly id?: string;
}

/** A history that somebody asked for, checked. Moments are texts that PostgreSQL reads as timestamptz. */
export interface HistoryRequest extends HistoryScope {
  /** Versions on a page, 0..1000. */
  readonly count: number;
  /** Versions to leave out before the page, 0..10,000. Never together with `cursor`. */
  readonly offset: number;
  /** As received; it is checked when the page is read. */
  readonly cursor?: string;
  /** Only versions made at or after this moment. */
  readonly since?: string;
  /** Only versions that were current at some time from `start` to `end`, both included. */
  readonly at?: { readonly start: string; readonly end: string };
  /** Oldest version first. */
  readonly ascending: boolean;
  /** The parameters that had an effect, as received: what the self link shows. */
  readonly applied: readonly (readonly [name: string, value: string])[];
}

type Settings = Pick<HistoryRequest, 'cursor' | 'since' | 'at'> & {
  count?: number;
  offset?: number;
  ascending?: boolean;
};

const defaultCount = 20;
const maxCount = 1000;
const maxOffset = 10_000;

/** What each parameter means. A Map, so that names like `__proto__` find nothing. */
const readers = new Map<string, (value: string) => Settings>([
  ['_count', (value) => ({ count: Math.min(wholeNumber('_count', value, Number.MAX_SAFE_INTEGER), maxCount) })],
  ['_offset', (value) => ({ offset: wholeNumber('_offset', value, maxOffset) })],
  ['_cursor', (value) => ({ cursor: value })],
  ['_since', (value) => ({ since: timestampText(intervalOf('_since', value).start) })],
  ['_at', (value) => ({ at: readAt(value) })],
  ['_sort', (value) => ({ ascending: readSort(value) })],
  // The representation is negotiated elsewhere; a history is the same whatever its format.
  ['_format', () => ({})],
  ['_pretty', () => ({})],
]);

/**
 * Reads the parameters of a history. Parameters without a value are ignored. Throws 400 for a value that is out of range,
 * for a parameter given twice, for one that is unknown unless `handling` is lenient, and for a query beyond the limits.
 */
export function historyRequest(
  scope: HistoryScope,
  query: string,
  { handling = 'strict' }: { handling?: 'strict' | 'lenient' } = {},
): HistoryRequest {
  let settings: Settings = {};
  const applied: [string, string][] = [];
  for (const [name, value] of queryPairs(query)) {
    if (value === '') continue;
    const read = readers.get(name);
    if (read === undefined) {
      if (handling === 'lenient') continue;
      throw badParameter(name, `A history has no parameter '${name}'`);
    }
    if (applied.some(([other]) => other === name)) throw badParameter(name, `'${name}' may be given once only`);
    settings = { ...settings, ...read(value) };
    applied.push([name, value]);
  }
  const { count = defaultCount, offset, ascending = false, ...rest } = settings;
  if (rest.cursor !== undefined && offset !== undefined) {
    throw badParameter('_offset', "'_offset' and '_cursor' cannot be combined");
  }
  return { ...scope, ...rest, count, offset: offset ?? 0, ascending, applied };
}

function wholeNumber(name: string, value: string, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (number <= max) return number;
  const range = max < Number.MAX_SAFE_INTEGER ? ` up to ${max}` : '';
  throw badParameter(name, `'${name}' takes a whole number${range}, not '${value}'`);
}

/** The interval that a version must have been current in: all of the day when `_at` is a day. */
function readAt(value: string): { start: string; end: string } {
  const { start, end } = intervalOf('_at', value);
  return { start: timestampText(start), end: timestampText(end - 1) };
}

/** A `+` of a time zone that was not escaped in the URL has become a space. */
function intervalOf(name: string, value: string): { start: number; end: number } {
  const interval = dateInterval(value.replace(' ', '+'));
  if (interval === undefined) throw badParameter(name, `'${name}' takes a date or an instant, not '${value}'`);
  return interval;
}

/** https://hl7.org/fhir/R5/http.html#history: newest first, or by `_lastUpdated` in either direction. */
function readSort(value: string): boolean {
  if (value === '_lastUpdated') return true;
  if (value === '-_lastUpdated' || value === 'none') return false;
  throw badParameter('_sort', `A history can be sorted by '_lastUpdated' and '-_lastUpdated' only, not by '${value}'`);
}

const badParameter = (name: string, text: string): OutcomeError =>
  badRequest(text, { code: 'value', expression: [name] });
