import { changeLabels, labelChangeProblem, labelsProblem, parseLabelFilter } from './label-rules.js';

describe('labels', () => {
  test.each([{}, { tier: 'gold' }, { 'a/b.c_d-1': '' }, { k: 'ü'.repeat(255) }])('%j can be labels', (labels) => {
    expect(labelsProblem(labels)).toBeUndefined();
  });

  test.each([
    [null, /object/],
    ['x', /object/],
    [[], /object/],
    [{ '': 'x' }, /keys/],
    [{ '-a': 'x' }, /keys/],
    [{ 'a b': 'x' }, /keys/],
    [{ [`a${'b'.repeat(63)}`]: 'x' }, /keys/],
    [{ a: 1 }, /text/],
    [{ a: null }, /text/],
    [{ a: 'x'.repeat(256) }, /255/],
    [{ a: '\0' }, /control/],
    [Object.fromEntries(Array.from({ length: 65 }, (_, key) => [`k${key}`, ''])), /64/],
  ])('%j cannot', (labels, reason) => {
    expect(labelsProblem(labels)).toMatch(reason);
  });

  test('a change may hold null, which removes; labels that it does not name stay', () => {
    const change = { tier: null, ring: '2', unknown: null };
    expect(labelChangeProblem(change)).toBeUndefined();
    expect(changeLabels({ tier: 'gold', ring: '1', stay: 'x' }, change)).toEqual({ ring: '2', stay: 'x' });
  });

  test('a filter is split at its first colon', () => {
    expect(parseLabelFilter(['tier:gold', 'url:a:b', 'none:'])).toEqual([
      { tier: 'gold' },
      { url: 'a:b' },
      { none: '' },
    ]);
    expect(parseLabelFilter(['tier:gold', 'tier'])).toBeUndefined();
    expect(parseLabelFilter([':x'])).toBeUndefined();
    expect(parseLabelFilter(['tier:gold', 'tier:silver'])).toHaveLength(2);
  });
});
