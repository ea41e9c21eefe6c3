import { slugProblem } from './slug-rules.js';

describe('slugProblem', () => {
  test.each(['abc', 'quay-clinic', 'a1b', 'a-b', `a${'b'.repeat(39)}`, 'healthy', 'p1a'])(
    '%s can be a slug',
    (slug) => {
      expect(slugProblem(slug)).toBeUndefined();
    },
  );

  test.each([
    ['ab', /3 to 40/],
    ['', /3 to 40/],
    ['a'.repeat(41), /3 to 40/],
    ['1abc', /begin with a letter/],
    ['-abc', /begin with a letter/],
    ['abc-', /end with/],
    ['a--b', /two hyphens/],
    ['Abc', /lower-case/],
    ['a_b', /lower-case/],
    ['a.b', /lower-case/],
    ['äbc', /lower-case/],
    ['abc\n', /lower-case/],
    ['abc\0', /lower-case/],
    ['p', /reserved/],
    [null, /text/],
    [undefined, /text/],
    [['abc'], /text/],
    [7, /text/],
  ])('%j cannot, and the reason is one sentence', (slug, reason) => {
    expect(slugProblem(slug)).toMatch(reason);
  });

  test.each('www api admin auth control static metrics health fhir shared p app console docs status'.split(' '))(
    '%s is reserved',
    (slug) => {
      expect(slugProblem(slug)).toBe('is a reserved word');
    },
  );
});
