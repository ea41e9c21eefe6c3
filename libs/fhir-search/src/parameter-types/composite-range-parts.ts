/** The parts of composites that are compared as spans of numbers: numbers, quantities, and dates as milliseconds. */
import type { TypedValue } from '#fhir';
import { dateBounds, numberBounds, type EndBounds } from '../number-bounds.js';
import { anyUnit, type UnitScope } from '../number-scopes.js';
import type { ComponentTest } from '../search-request.js';
import { dateSpanOf } from './date.js';
import { numberOf } from './number.js';
import { quantityBounds, quantityEntries } from './quantity.js';

type RangeTest = Extract<ComponentTest, { kind: 'date' | 'number' | 'quantity' }>;

/** One row of the index for such a part, without what it belongs to. */
export interface RangeEntry {
  readonly unit: UnitScope;
  readonly lower: number;
  readonly upper: number;
  readonly marks: readonly string[];
}

/** The rows of the index for one value of such a part; none when it is of another kind. */
export function rangeEntries(value: TypedValue): RangeEntry[] {
  const number = numberOf(value);
  if (number !== undefined) return [{ unit: anyUnit, lower: number, upper: number, marks: [] }];
  const span = dateSpanOf(value);
  if (span !== undefined) return [{ unit: anyUnit, lower: span.start, upper: span.end - 1, marks: [] }];
  return quantityEntries(value);
}

/** What a row must satisfy. */
export function rangeBounds(test: RangeTest): (EndBounds & { unit?: UnitScope; marks: string[] })[] {
  switch (test.kind) {
    case 'quantity':
      return quantityBounds(test.test);
    case 'number':
      return numberBounds(test.test).map((bounds) => ({ ...bounds, marks: [] }));
    case 'date':
      return dateBounds(test.test).map((bounds) => ({ ...bounds, marks: [] }));
  }
}
