import fc from 'fast-check';
import { equalValues, plainValue, readLossless, writeLossless } from './lossless-json.js';

describe('lossless JSON', () => {
  test.each([
    '1.00',
    '-0',
    '1e3',
    '1E+3',
    '0.10e-5',
    '12345678901234567890123456789',
    '[1,1.0,1.00,{"a":-7}]',
    '{"a":"1.00","b":1.00,"c":"x\\"1.00","d":[true,null,"\\\\"],"e":"\\\\\\"2"}',
    '{"a":"","b":[0]}',
    '"\\\\u00001.00"',
  ])('%s is written as it was read', (text) => {
    expect(writeLossless(readLossless(text))).toBe(text);
  });

  test('any value comes back, and its numbers mean the same', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        if (text.includes('\\u0000')) return;
        expect(writeLossless(readLossless(text))).toBe(text);
        expect(plainValue(readLossless(text))).toEqual(JSON.parse(text));
      }),
      { seed: 1 },
    );
  });

  test.each([
    ['1.00', '1', true],
    ['1e3', '1000', true],
    ['-0.0', '0', true],
    ['100', '1E2', true],
    ['0.001', '1e-3', true],
    ['12345678901234567890', '12345678901234567891', false],
    ['0.1', '0.10000000000000000555', false],
    ['1', '-1', false],
    ['1', '"1"', false],
    ['[1.0,{"a":2}]', '[1,{"a":2.0}]', true],
    ['{"a":1,"b":2}', '{"b":2,"a":1}', true],
    ['{"a":1}', '{"a":1,"b":2}', false],
    ['[1,2]', '[2,1]', false],
    ['null', 'false', false],
    ['1e99999999999999999999', '1e99999999999999999999', true],
  ])('%s and %s are equal: %s', (one, other, expected) => {
    expect(equalValues(readLossless(one), readLossless(other))).toBe(expected);
    expect(equalValues(readLossless(other), readLossless(one))).toBe(expected);
  });

  test('numbers of a million digits are compared at once', () => {
    const started = performance.now();
    expect(equalValues(readLossless(`0.1${'0'.repeat(1_000_000)}1`), readLossless('1'))).toBe(false);
    // Looking at each of the zeros from each of them on takes half an hour.
    expect(performance.now() - started).toBeLessThan(10_000);
  });
});
