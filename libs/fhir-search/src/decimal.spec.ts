import fc from 'fast-check';
import { decimalSpan, nextDown, nextUp } from './decimal.js';

describe('the span of a decimal number', () => {
  it.each([
    ['100', 100, 99.5, 100.5],
    ['100.00', 100, 99.995, 100.005],
    ['1.00', 1, 0.995, 1.005],
    ['1.000', 1, 0.9995, 1.0005],
    ['0', 0, -0.5, 0.5],
    ['-7', -7, -7.5, -6.5],
    ['+0.10', 0.1, 0.095, 0.105],
    ['1e2', 100, 95, 105],
    ['1.0e2', 100, 99.5, 100.5],
    ['5E-3', 0.005, 0.00495, 0.00505],
    ['123456789012345', 123456789012345, 123456789012344.5, 123456789012345.5],
  ])('%s is %d, from %d to %d', (text, value, start, end) => {
    expect(decimalSpan(text)).toEqual({ value, start, end });
  });

  it.each(['', '-', '1.', '.5', '1e', 'NaN', 'Infinity', '1e400', '0x10', '1 ', ' 1', '1e9999', `1${'0'.repeat(60)}`])(
    '%j is none',
    (text) => expect(decimalSpan(text)).toBeUndefined(),
  );

  it('holds its own number and ends where that of the next number with as many digits starts', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -99_999_999, max: 99_999_999 }),
        fc.integer({ min: 0, max: 6 }),
        (digits, places) => {
          const text = (number: number) =>
            places === 0
              ? String(number)
              : `${number < 0 ? '-' : ''}${String(Math.abs(number))
                  .padStart(places + 1, '0')
                  .replace(new RegExp(`(\\d{${places}})$`), '.$1')}`;
          const [span, following] = [decimalSpan(text(digits)), decimalSpan(text(digits + 1))];
          expect(span?.value).toBe(Number(text(digits)));
          expect(span?.end).toBe(following?.start);
          expect(span && span.start < span.value && span.value < span.end).toBe(true);
        },
      ),
      { seed: 1 },
    );
  });
});

describe('the neighbours of a number', () => {
  it('are the nearest ones there are', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const up = nextUp(value);
        expect(up).toBeGreaterThan(value);
        expect([value, up]).toContain(value / 2 + up / 2);
        expect(nextDown(up)).toBe(value === 0 ? 0 : value);
      }),
      { seed: 1 },
    );
  });

  it('stop at infinity', () => {
    expect([nextUp(Infinity), nextDown(-Infinity)]).toEqual([Infinity, -Infinity]);
    expect(nextUp(Number.MAX_VALUE)).toBe(Infinity);
  });
});
