/**
 * The parameters that shape the answer instead of selecting resources
 * (https://hl7.org/fhir/R4/search.html#Summary and the sections around it).
 */
import { badRequest, type OutcomeError, type SearchParameter } from '#fhir';
import { notSupportedYet } from './parameter-types/parameter-type.js';
import type { SearchRequest, SortKey } from './search-request.js';

type ResultSettings = Pick<SearchRequest, 'count' | 'offset' | 'cursor' | 'sort' | 'total'>;

const defaultCount = 20;
const maxCount = 1000;
const maxOffset = 10_000;
const maxSortKeys = 10;

/** What each parameter of this kind means. A Map, so that names like `__proto__` find nothing. */
const readers = new Map<string, (value: string, context: ReadContext) => Partial<ResultSettings>>([
  ['_count', (value) => ({ count: Math.min(wholeNumber('_count', value, Number.MAX_SAFE_INTEGER), maxCount) })],
  ['_offset', (value) => ({ offset: wholeNumber('_offset', value, maxOffset) })],
  ['_cursor', (value) => ({ cursor: value })],
  ['_sort', (value, context) => ({ sort: parseSort(value, context) })],
  ['_total', (value) => ({ total: parseTotal(value) })],
  ['_summary', (value) => parseSummary(value)],
  ['_elements', () => refuse('_elements')],
  // The representation is negotiated elsewhere; a search is the same whatever its format.
  ['_format', () => ({})],
  ['_pretty', () => ({})],
]);

export function isResultParameter(name: string): boolean {
  return readers.has(name);
}

interface ReadContext {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, SearchParameter>;
}

/**
 * The settings that `pairs` ask for, with defaults for the rest. Throws OutcomeError for a value that is out of range,
 * a parameter given twice, or a combination that has no meaning.
 */
export function readResultParameters(
  parameters: ReadonlyMap<string, SearchParameter>,
  type: string,
  pairs: readonly (readonly [name: string, value: string])[],
): ResultSettings {
  let settings: ResultSettings = { count: defaultCount, sort: [], total: 'none' };
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    if (seen.has(name)) throw badSetting(name, `'${name}' may be given once only.`);
    seen.add(name);
    const read = readers.get(name)?.(value, { type, parameters });
    // Asking for the count alone wins over a `_count`, in whichever order they come.
    settings = { ...settings, ...read, count: settings.count === 0 ? 0 : (read?.count ?? settings.count) };
  }
  if (settings.cursor !== undefined && settings.offset !== undefined) {
    throw badSetting('_offset', "'_offset' and '_cursor' cannot be combined.");
  }
  return settings.count === 0 ? { ...settings, total: 'accurate' } : settings;
}

function wholeNumber(name: string, value: string, max: number): number {
  const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (Number.isNaN(number) || number > max) {
    const range = max < Number.MAX_SAFE_INTEGER ? ` from 0 to ${max}` : '';
    throw badSetting(name, `'${name}' takes a whole number${range}, not '${value}'.`);
  }
  return number;
}

function parseTotal(value: string): 'none' | 'accurate' {
  // An exact number is a fine estimate, and none is cheaper to make here.
  if (value === 'accurate' || value === 'estimate') return 'accurate';
  if (value === 'none') return 'none';
  throw badSetting('_total', `'_total' takes 'none', 'estimate' or 'accurate', not '${value}'.`);
}

function parseSummary(value: string): Partial<ResultSettings> {
  if (value === 'count') return { count: 0 };
  if (value === 'false') return {};
  if (value === 'true' || value === 'text' || value === 'data') return refuse(`_summary=${value}`);
  throw badSetting('_summary', `'_summary' takes 'count' or 'false', not '${value}'.`);
}

function parseSort(value: string, context: ReadContext): SortKey[] {
  const codes = value.split(',').filter((code) => code !== '');
  if (codes.length > maxSortKeys) throw badSetting('_sort', `'_sort' takes at most ${maxSortKeys} keys.`);
  return codes.map((text) => {
    const descending = text.startsWith('-');
    return parseSortKey(descending ? text.slice(1) : text, descending, context);
  });
}

function parseSortKey(code: string, descending: boolean, { type, parameters }: ReadContext): SortKey {
  if (code === '_id') return { code, descending, by: 'id' };
  if (code === '_lastUpdated') return { code, descending, by: 'last-updated' };
  const parameter = parameters.get(code);
  if (parameter === undefined) throw badSetting('_sort', `${type} has no search parameter '${code}' to sort by.`);
  const { type: by, key } = parameter;
  if (by !== 'string' && by !== 'date') {
    throw notSupportedYet(
      '_sort',
      `Sorting by '${code}' (of type ${by}; only dates, strings, _id and _lastUpdated are)`,
    );
  }
  return { code, descending, by, parameter: { code, key } };
}

function refuse(what: string): never {
  throw notSupportedYet(what, `'${what}'`);
}

function badSetting(name: string, text: string): OutcomeError {
  return badRequest(text, { code: 'value', expression: [name] });
}
