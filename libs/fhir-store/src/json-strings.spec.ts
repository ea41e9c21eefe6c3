import fc from 'fast-check';
import { jsonStrings, withoutMembers } from './json-strings.js';

describe('the strings of a JSON text', () => {
  test('are told apart as names and values, with their depth', () => {
    const text = '{"a":"b","c\\"":["d",{"e":"\\\\"}],"f":1.00}';
    expect(
      [...jsonStrings(text)].map(({ start, end, isName, depth }) => [text.slice(start, end), isName, depth]),
    ).toEqual([
      ['"a"', true, 1],
      ['"b"', false, 1],
      ['"c\\""', true, 1],
      ['"d"', false, 2],
      ['"e"', true, 3],
      ['"\\\\"', false, 3],
      ['"f"', true, 1],
    ]);
  });

  test('that never end are refused', () => {
    expect(() => [...jsonStrings('{"a')]).toThrow('not JSON');
  });
});

describe('members that are cut out', () => {
  test('leave all other characters as they are', () => {
    const members = ',"secret":"x\\"}","n":1.00,"o":{"secret":"inner"},"se\\u0063ret":["y"],"z":"\\u00e9"';
    expect(withoutMembers(members, new Set(['secret']))).toBe(',"n":1.00,"o":{"secret":"inner"},"z":"\\u00e9"');
    expect(withoutMembers('', new Set(['secret']))).toBe('');
    expect(withoutMembers(',"secret":1', new Set(['secret']))).toBe('');
  });

  test('are exactly those of the given names, in any object', () => {
    const names = fc.constantFrom('a', 'b', 'secret', 'c"', '\\', 'é');
    fc.assert(
      fc.property(fc.dictionary(names, fc.jsonValue()), fc.uniqueArray(names), (object, cut) => {
        const members = Object.keys(object).length === 0 ? '' : `,${JSON.stringify(object).slice(1, -1)}`;
        const rest = Object.fromEntries(Object.entries(object).filter(([name]) => !(cut as string[]).includes(name)));
        expect(`{${withoutMembers(members, new Set(cut)).slice(1)}}`).toBe(JSON.stringify(rest));
      }),
      { seed: 1 },
    );
  });
});
