import { plainArray, textArray } from './array-literal.js';

test('an array of numbers, UUIDs or instants is written as it is, with NULL for nothing', () => {
  expect(plainArray([1, null, '2026-11-21T00:00:00.000Z', 'infinity'])).toBe(
    '{1,NULL,2026-11-21T00:00:00.000Z,infinity}',
  );
  expect(plainArray([])).toBe('{}');
});

test('texts are quoted and escaped whatever they hold', () => {
  expect(textArray(['a', '', 'NULL', 'x"y', 'b\\', '{,}', 'é\n'])).toBe('{"a","","NULL","x\\"y","b\\\\","{,}","é\n"}');
});

test('texts that follow themselves each have their place', () => {
  expect(textArray([])).toBe('{}');
  expect(textArray(['', '', 'a"', 'a"', '', 'a"'])).toBe('{"","","a\\"","a\\"","","a\\""}');
});
