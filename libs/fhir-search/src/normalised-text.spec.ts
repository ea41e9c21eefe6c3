import { normaliseText } from './normalised-text.js';

describe('the normalised form', () => {
  it.each([
    ['Ångström', 'angstrom'],
    ['A\u030angstro\u0308m', 'angstrom'],
    ['  José \t\n María ', 'jose maria'],
    ['ﬁne Ⅳ', 'fine iv'],
    ['İstanbul', 'istanbul'],
    ['STRASSE straße', 'strasse straße'],
    ['Ελλάδα', 'ελλαδα'],
    ['山田 太郎', '山田 太郎'],
    ['a\u00a0b', 'a b'],
    ['', ''],
  ])('of %j is %j', (text, normalised) => {
    expect(normaliseText(text)).toBe(normalised);
    expect(normaliseText(normalised)).toBe(normalised);
  });
});
