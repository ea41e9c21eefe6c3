/**
 * The comparisons of https://hl7.org/fhir/R4/search.html#prefix as closed intervals, one for each end of the span that a
 * row of the index holds. Because both ends of all intervals belong to them, every prefix has the same SQL.
 */
import { nextDown, nextUp } from './decimal.js';
import type { DateTest, NumberTest } from './search-request.js';

/** A row satisfies it when its two ends lie in the two intervals. */
export interface EndBounds {
  readonly lower: readonly [from: number, to: number];
  readonly upper: readonly [from: number, to: number];
}

const anything = [-Infinity, Infinity] as const;

/** A row satisfies `test` when it satisfies one of the bounds. */
export function numberBounds({ prefix, value, start, end }: NumberTest): readonly EndBounds[] {
  const last = nextDown(end);
  switch (prefix) {
    case 'eq':
      return [{ lower: [start, last], upper: [start, last] }];
    case 'ne':
      return [
        { lower: [-Infinity, nextDown(start)], upper: anything },
        { lower: anything, upper: [end, Infinity] },
      ];
    case 'gt':
      return [{ lower: anything, upper: [nextUp(value), Infinity] }];
    case 'ge':
      return [{ lower: anything, upper: [value, Infinity] }];
    case 'lt':
      return [{ lower: [-Infinity, nextDown(value)], upper: anything }];
    case 'le':
      return [{ lower: [-Infinity, value], upper: anything }];
    case 'sa':
      return [{ lower: [nextUp(value), Infinity], upper: anything }];
    case 'eb':
      return [{ lower: anything, upper: [-Infinity, nextDown(value)] }];
    case 'ap':
      return [{ lower: [-Infinity, last], upper: [start, Infinity] }];
  }
}

/** The same for a date within a composite: its row holds the first and the last millisecond of the span. */
export function dateBounds({ prefix, start, end }: DateTest): readonly EndBounds[] {
  const last = end - 1;
  const within = { lower: [start, last], upper: [start, last] } as const;
  switch (prefix) {
    case 'eq':
      return [within];
    case 'ne':
      return [
        { lower: [-Infinity, start - 1], upper: anything },
        { lower: anything, upper: [end, Infinity] },
      ];
    case 'gt':
      return [{ lower: anything, upper: [end, Infinity] }];
    case 'ge':
      return [within, { lower: anything, upper: [end, Infinity] }];
    case 'lt':
      return [{ lower: [-Infinity, start - 1], upper: anything }];
    case 'le':
      return [within, { lower: [-Infinity, start - 1], upper: anything }];
    case 'sa':
      return [{ lower: [end, Infinity], upper: anything }];
    case 'eb':
      return [{ lower: anything, upper: [-Infinity, start - 1] }];
    case 'ap':
      return [{ lower: [-Infinity, last], upper: [start, Infinity] }];
  }
}
