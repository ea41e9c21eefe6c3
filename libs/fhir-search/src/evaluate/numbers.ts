/**
 * Numbers (https://hl7.org/fhir/R4/search.html#number). The number of a resource is exact, or a span when its element is
 * one; the number of a search is exact for the comparisons that have a direction, and as vague as its digits for others.
 */
import type { TypedValue } from '#fhir';
import type { NumberTest } from '../search-request.js';

/** Everything from `low` to `high`. With `open`, its finite end does not belong to it: the other one is infinite then. */
export interface NumberSpan {
  readonly low: number;
  readonly high: number;
  readonly open: boolean;
}

/** Whether the number of a resource satisfies the test. */
export function matchesNumber(test: NumberTest, { value }: TypedValue): boolean {
  return typeof value === 'number' && spanSatisfies(test, { low: value, high: value, open: false });
}

/** Whether a span of numbers satisfies the test. */
export function spanSatisfies({ prefix, value, start, end }: NumberTest, { low, high, open }: NumberSpan): boolean {
  const isWithin = start <= low && (open ? high <= end : high < end);
  switch (prefix) {
    case 'eq':
      return isWithin;
    case 'ne':
      return !isWithin;
    case 'gt':
      return high > value;
    case 'lt':
      return low < value;
    case 'ge':
      return open ? high > value : high >= value;
    case 'le':
      return open ? low < value : low <= value;
    case 'sa':
      return open ? low >= value : low > value;
    case 'eb':
      return open ? high <= value : high < value;
    case 'ap':
      return low < end && (open ? start < high : start <= high);
  }
}
