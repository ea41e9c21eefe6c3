import fc from 'fast-check';
import { dateBounds, numberBounds, type EndBounds } from './number-bounds.js';
import type { DateTest, NumberTest, Prefix } from './search-request.js';

const prefixes: readonly Prefix[] = ['eq', 'ne', 'gt', 'ge', 'lt', 'le', 'sa', 'eb', 'ap'];

/** The standard's words, one by one: https://hl7.org/fhir/R4/search.html#prefix */
function numberHolds({ prefix, value, start, end }: NumberTest, lower: number, upper: number): boolean {
  const within = start <= lower && upper < end;
  switch (prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return upper > value;
    case 'ge':
      return upper >= value;
    case 'lt':
      return lower < value;
    case 'le':
      return lower <= value;
    case 'sa':
      return lower > value;
    case 'eb':
      return upper < value;
    case 'ap':
      return lower < end && upper >= start;
  }
}

function dateHolds({ prefix, start, end }: DateTest, from: number, to: number): boolean {
  const within = start <= from && to <= end;
  switch (prefix) {
    case 'eq':
      return within;
    case 'ne':
      return !within;
    case 'gt':
      return to > end;
    case 'ge':
      return within || to > end;
    case 'lt':
      return from < start;
    case 'le':
      return within || from < start;
    case 'sa':
      return from >= end;
    case 'eb':
      return to <= start;
    case 'ap':
      return from < end && to > start;
  }
}

const isIn = (bounds: readonly EndBounds[], lower: number, upper: number) =>
  bounds.some(
    (each) => each.lower[0] <= lower && lower <= each.lower[1] && each.upper[0] <= upper && upper <= each.upper[1],
  );

const end = fc.oneof(fc.integer({ min: -6, max: 6 }), fc.constantFrom(-Infinity, Infinity));

describe.each(prefixes)('the bounds of the prefix %s', (prefix) => {
  it('hold exactly the spans of numbers that the standard means', () => {
    fc.assert(
      fc.property(fc.integer({ min: -5, max: 5 }), end, end, (value, first, second) => {
        const [lower, upper] = [Math.min(first, second), Math.max(first, second)];
        const test = { prefix, value, start: value - 0.5, end: value + 0.5 };
        expect(isIn(numberBounds(test), lower, upper)).toBe(numberHolds(test, lower, upper));
        const wide = { prefix, value, start: value - 2, end: value + 2 };
        expect(isIn(numberBounds(wide), lower, upper)).toBe(numberHolds(wide, lower, upper));
      }),
      { seed: 1 },
    );
  });

  it('hold exactly the spans of time, of which a row has the first and the last millisecond', () => {
    const moment = fc.integer({ min: -6, max: 6 });
    fc.assert(
      fc.property(
        moment,
        fc.integer({ min: 1, max: 4 }),
        moment,
        fc.integer({ min: 1, max: 6 }),
        (start, length, from, lasts) => {
          const test = { prefix, start, end: start + length };
          const to = from + lasts;
          expect(isIn(dateBounds(test), from, to - 1)).toBe(dateHolds(test, from, to));
        },
      ),
      { seed: 1 },
    );
  });
});
