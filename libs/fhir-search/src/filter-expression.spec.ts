import { OutcomeError } from '#fhir';
import { readFilter } from './filter-expression.js';

const test = (path: string, operator: string, value: string) => ({ kind: 'test', path, operator, value });

describe('a filter', () => {
  it.each([
    ['name eq peter', test('name', 'eq', 'peter')],
    ['  name   eq\t"two words"  ', test('name', 'eq', 'two words')],
    ['name eq "a \\"quote\\" \\u00e9 \\\\"', test('name', 'eq', 'a "quote" é \\')],
    ['name eq ""', test('name', 'eq', '')],
    ['not eq x', test('not', 'eq', 'x')],
    ['not (a eq 1)', { kind: 'not', part: test('a', 'eq', '1') }],
    ['not(a eq 1)', { kind: 'not', part: test('a', 'eq', '1') }],
    ['((a eq 1))', test('a', 'eq', '1')],
    [
      'a eq 1 and b eq 2 and c eq 3',
      { kind: 'and', parts: [test('a', 'eq', '1'), test('b', 'eq', '2'), test('c', 'eq', '3')] },
    ],
  ])('%s', (text, expected) => {
    expect(readFilter(text)).toEqual(expected);
  });

  it('is read from left to right, and has no precedence', () => {
    const [a, b, c] = [test('a', 'eq', '1'), test('b', 'eq', '2'), test('c', 'eq', '3')];
    expect(readFilter('a eq 1 or b eq 2 and c eq 3')).toEqual({
      kind: 'and',
      parts: [{ kind: 'or', parts: [a, b] }, c],
    });
    expect(readFilter('a eq 1 or (b eq 2 and c eq 3)')).toEqual({
      kind: 'or',
      parts: [a, { kind: 'and', parts: [b, c] }],
    });
  });

  it.each([
    ['', 'at its end'],
    ['name', 'at its end'],
    ['name eq', 'at its end'],
    ['(name eq x', 'at its end'],
    ['name eq x)', 'at character 10'],
    ['name eq x y', 'at character 11'],
    ['name eq "x', 'at character 8'],
    ['name eq "\\q"', 'at character 9'],
    ['name eq (x)', 'at character 9'],
    ['()', 'at character 2'],
  ])('%j is refused: %s', (text, place) => {
    expect(() => readFilter(text)).toThrow(OutcomeError);
    expect(() => readFilter(text)).toThrow(place);
  });

  it('is refused when it is too long or too deep, quickly', () => {
    expect(() => readFilter('a'.repeat(4001))).toThrow(expect.objectContaining({ category: 'too-costly' }));
    expect(() => readFilter('('.repeat(4000))).toThrow(expect.objectContaining({ category: 'too-costly' }));
  });
});
