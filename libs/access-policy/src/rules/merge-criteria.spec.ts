import type { Criterion } from '#fhir-search';
import { joinAlternatives } from './merge-criteria.js';

const parameter = (code: string) => ({ code }) as unknown;
const condition = (code: string, ...values: string[]) =>
  ({ kind: 'uri', parameter: parameter(code), match: 'exact', values }) as unknown as Criterion;
const negated = (...values: string[]) =>
  ({ kind: 'token', parameter: parameter('t'), negated: true, values }) as unknown as Criterion;

describe('alternatives', () => {
  it('that differ in the values of one condition are one condition with all values, each once', () => {
    const one = condition('x', '1');
    expect(
      joinAlternatives([
        [one, condition('y', 'a')],
        [one, condition('y', 'b', 'c')],
        [one, condition('y', 'a', 'd')],
      ]),
    ).toEqual([[one, condition('y', 'a', 'b', 'c', 'd')]]);
  });

  it('are joined wherever they stand between others', () => {
    const [a, b] = [condition('a', '1'), condition('b', '1')];
    const all = [[a], [b, a], [condition('a', '2')], [condition('b', '2'), a], [b]];
    expect(joinAlternatives(all)).toEqual([[condition('a', '1', '2')], [condition('b', '1', '2'), a], [b]]);
  });

  it('that differ in two conditions stay apart, also from those that have been joined already', () => {
    const all = ['11', '12', '21', '22'].map(([x = '', y = '']) => [condition('x', x), condition('y', y)]);
    expect(joinAlternatives([all[0] ?? [], all[3] ?? []])).toHaveLength(2);
    // One joined by y and one joined by x would grant what neither of the two says.
    expect(joinAlternatives(all.slice(0, 3))).toEqual([[condition('x', '1'), condition('y', '1', '2')], all[2]]);
  });

  it('of a negated condition stay apart, but the same one is said once', () => {
    expect(joinAlternatives([[negated('a')], [negated('b')], [negated('a')]])).toEqual([
      [negated('a')],
      [negated('b')],
    ]);
  });

  it('of different kinds or parameters stay apart', () => {
    expect(joinAlternatives([[condition('x', '1')], [condition('y', '1')], [negated('1')]])).toHaveLength(3);
  });
});

test('joining takes time with the number of alternatives, not with its square', () => {
  const count = 20_000;
  const started = performance.now();
  const values = Array.from({ length: count }, (_, index) => `${index}`);
  expect(joinAlternatives(values.map((value) => [condition('x', value)]))).toEqual([[condition('x', ...values)]]);
  expect(joinAlternatives(values.map((value) => [negated(value)]))).toHaveLength(count);
  expect(performance.now() - started).toBeLessThan(10_000);
});
