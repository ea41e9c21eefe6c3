/**
 * The parameters that shape the answer instead of selecting resources
 * (https://hl7.org/fhir/R4/search.html#Summary and the sections around it).
 */
import { badRequest, type FhirVersion, type OutcomeError, type SearchParameter } from '#fhir';
import { notSupportedYet } from './parameter-types/parameter-type.js';
import { queryPairs } from './query-pairs.js';
import type { SearchRequest, ShownParts, SortKey } from './search-request.js';
import { elementOf } from './shown-parts.js';

type ResultSettings = Pick<SearchRequest, 'count' | 'offset' | 'cursor' | 'sort' | 'total' | 'shown'>;

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
  ['_elements', (value, context) => ({ shown: parseElements('_elements', value, context) })],
  // What clients of Medplum call it.
  ['_fields', (value, context) => ({ shown: parseElements('_fields', value, context) })],
  ['_contained', (value) => parseContained(value)],
  // The representation is negotiated elsewhere; a search is the same whatever its format.
  ['_format', () => ({})],
  ['_pretty', () => ({})],
]);

export function isResultParameter(name: string): boolean {
  return readers.has(name);
}

interface ReadContext {
  readonly version: FhirVersion;
  /** `lenient` lets names pass that nothing has. */
  readonly handling: 'strict' | 'lenient';
  /** What is searched, the type of `parameters` first. */
  readonly types: readonly string[];
  readonly parameters: ReadonlyMap<string, SearchParameter>;
}

/**
 * The settings that `pairs` ask for, with defaults for the rest. Throws OutcomeError for a value that is out of range,
 * a parameter given twice, or a combination that has no meaning.
 */
export function readResultParameters(
  { version, handling }: Pick<ReadContext, 'version' | 'handling'>,
  types: readonly string[],
  pairs: readonly (readonly [name: string, value: string])[],
): ResultSettings {
  const context = { version, handling, types, parameters: version.searchParameters(types[0] ?? '') };
  let settings: ResultSettings = { count: defaultCount, sort: [], total: 'none', shown: { kind: 'all' } };
  const seen = new Set<string>();
  for (const [name, value] of pairs) {
    if (seen.has(name)) throw badSetting(name, `'${name}' may be given once only.`);
    seen.add(name);
    const read = readers.get(name)?.(value, context);
    // Asking for the count alone wins over a `_count`, in whichever order they come.
    if (read?.shown && settings.shown.kind !== 'all') {
      throw badSetting(name, "'_summary', '_elements' and '_fields' cannot be combined.");
    }
    settings = { ...settings, ...read, count: settings.count === 0 ? 0 : (read?.count ?? settings.count) };
  }
  if (settings.cursor !== undefined && settings.offset !== undefined) {
    throw badSetting('_offset', "'_offset' and '_cursor' cannot be combined.");
  }
  return settings.count === 0 ? { ...settings, total: 'accurate' } : settings;
}

/** The parameters by which parts of resources are shown. */
const partParameters = new Set(['_summary', '_elements', '_fields']);

/**
 * What of a resource of `type` is shown to a read with this query string (https://hl7.org/fhir/R4/http.html#read); its other
 * parameters are about other things. Throws as `readResultParameters` does, and for `_summary=count`, which counts what a
 * search has found.
 */
export function shownPartsOf(
  version: FhirVersion,
  type: string,
  query: string,
  handling: 'strict' | 'lenient',
): ShownParts {
  const asked = queryPairs(query).filter(([name, value]) => partParameters.has(name) && /[^,]/.test(value));
  const { shown, count } = readResultParameters({ version, handling }, [type], asked);
  if (count === 0) throw badSetting('_summary', "'_summary=count' is for searches: a read has nothing to count.");
  return shown;
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
  if (value === 'true') return { shown: { kind: 'summary' } };
  if (value === 'text' || value === 'data') return { shown: { kind: value } };
  throw badSetting('_summary', `'_summary' takes 'true', 'text', 'data', 'count' or 'false', not '${value}'.`);
}

/** Resources inside others are found with them only, which is what the standard means by default. */
function parseContained(value: string): Partial<ResultSettings> {
  if (value === 'false') return {};
  if (value === 'true' || value === 'both') throw notSupportedYet('_contained', `'_contained=${value}'`);
  throw badSetting('_contained', `'_contained' takes 'false', not '${value}'.`);
}

/** Elements at the top of a resource; of a path into one (`name.family`) the whole of the first element is shown. */
function parseElements(name: string, value: string, { version, handling, types }: ReadContext): ShownParts {
  const elements = value.split(',').filter((path) => path !== '');
  const flaw = elements.find((path) => !/^[A-Za-z]+(?:\.[A-Za-z]+)*$/.test(path));
  if (flaw !== undefined) throw badSetting(name, `'${name}' takes names of elements, not '${flaw}'.`);
  const unknown = elements.find((path) => !types.some((type) => hasElement(version, type, path)));
  if (unknown !== undefined && handling === 'strict') {
    throw badSetting(name, `'${name}' names '${unknown}', which is no element of ${types.slice(0, 3).join(', ')}.`);
  }
  return { kind: 'elements', elements };
}

/** Whether resources of the type have the element at which the path begins; a choice has its common name too. */
function hasElement(version: FhirVersion, type: string, path: string): boolean {
  const first = elementOf(type, path);
  const members = version.structure(type) ?? [];
  return first === 'resourceType' || members.some(({ name, choice }) => name === first || choice === first);
}

function parseSort(value: string, context: ReadContext): SortKey[] {
  const codes = value.split(',').filter((code) => code !== '');
  if (codes.length > maxSortKeys) throw badSetting('_sort', `'_sort' takes at most ${maxSortKeys} keys.`);
  return codes.map((text) => {
    const descending = text.startsWith('-');
    return parseSortKey(descending ? text.slice(1) : text, descending, context);
  });
}

/** By what the values of each type of parameter are ordered; the others have no order. */
const sortedAs: Readonly<Record<SearchParameter['type'], 'string' | 'date' | 'number' | 'text' | undefined>> = {
  string: 'string',
  uri: 'string',
  date: 'date',
  number: 'number',
  quantity: 'number',
  token: 'text',
  reference: 'text',
  composite: undefined,
  special: undefined,
};

function parseSortKey(code: string, descending: boolean, { types, parameters }: ReadContext): SortKey {
  if (code === '_id') return { code, descending, by: 'id' };
  if (code === '_lastUpdated') return { code, descending, by: 'last-updated' };
  if (types.length > 1) {
    throw badSetting('_sort', "A search over several types can be sorted by '_id' and '_lastUpdated' only.");
  }
  const parameter = parameters.get(code);
  if (parameter === undefined)
    throw badSetting('_sort', `${types[0] ?? ''} has no search parameter '${code}' to sort by.`);
  const { type, key, indexKeys, embeds } = parameter;
  // Neither what stands in the index under other keys nor the codes that all types have is kept for sorting.
  const isKept = !embeds && indexKeys.includes(key) && !(sortedAs[type] === 'text' && code.startsWith('_'));
  const by = isKept ? sortedAs[type] : undefined;
  if (by === undefined) throw notSupportedYet('_sort', `Sorting by '${code}' (of type ${type})`);
  return { code, descending, by, parameter: { code, key } };
}

function badSetting(name: string, text: string): OutcomeError {
  return badRequest(text, { code: 'value', expression: [name] });
}
