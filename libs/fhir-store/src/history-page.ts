import { badRequest } from '#fhir';

export interface HistoryPage {
  readonly count: number;
  readonly offset: number;
}

const defaultCount = 20;
const maxCount = 1000;
const maxOffset = 10_000;

/** Reads `_count` and `_offset` of a history request (https://hl7.org/fhir/R4/http.html#history); 400 for bad values. */
export function historyPage(query: string | readonly (readonly [string, string])[]): HistoryPage {
  const pairs = new Map(typeof query === 'string' ? new URLSearchParams(query) : query);
  return {
    count: Math.min(wholeNumber('_count', pairs.get('_count')) ?? defaultCount, maxCount),
    offset: wholeNumber('_offset', pairs.get('_offset'), maxOffset) ?? 0,
  };
}

function wholeNumber(name: string, value: string | undefined, max = Number.MAX_SAFE_INTEGER): number | undefined {
  if (value === undefined || value === '') return undefined;
  const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
  if (number <= max) return number;
  throw badRequest(
    `'${name}' takes a whole number${max < Number.MAX_SAFE_INTEGER ? ` up to ${max}` : ''}, not '${value}'`,
    {
      code: 'value',
      expression: [name],
    },
  );
}
