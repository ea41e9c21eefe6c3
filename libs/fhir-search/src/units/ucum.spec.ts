import { canonicalUnit } from './ucum.js';

const base = (code: string, value: number) => canonicalUnit(code)?.toBase(value);
const kind = (code: string) => canonicalUnit(code)?.kind;

describe('a unit of UCUM', () => {
  it.each([
    ['g', 'mg', 'kg', '[lb_av]'],
    ['m', 'cm', '[in_i]'],
    ['s', 'min', 'h', 'd', 'a', 'mo'],
    ['Cel', 'K', '[degF]'],
    ['mmol/L', 'mol/m3', 'umol/mL'],
    ['mm[Hg]', 'kPa'],
    ['%', '1', '{score}', '10*-2'],
    ['/min', 'Hz', '{beats}/min'],
  ])('%s is of one kind with %s and others', (first, ...others) => {
    for (const other of others) expect([other, kind(other)]).toEqual([other, kind(first)]);
  });

  it('is of another kind when it measures something else', () => {
    const kinds = ['g', 'm', 's', 'K', 'mmol/L', '10*9/L', 'mm[Hg]', '1', 'mol', '/min'].map(kind);
    expect(new Set(kinds).size).toBe(kinds.length);
  });

  it('gives the same number for the same quantity, free of rounding noise', () => {
    expect(base('mg', 5.4)).toBe(base('g', 0.0054));
    expect(base('ug', 5400)).toBe(base('g', 0.0054));
    expect(base('[degF]', 98.6)).toBe(base('Cel', 37));
    expect(base('a', 1)).toBe(base('mo', 12));
    expect(base('mmol/L', 0.1)).toBe(base('umol/L', 100));
  });

  it.each(['', 'foo', 'mmHg!', '[iU]/L', "[arb'U]", '[pH]', 'x'.repeat(65)])('%j cannot be converted', (code) => {
    expect(canonicalUnit(code)).toBeUndefined();
  });

  it('is known after more units than are kept were asked for', () => {
    expect(kind('mg')).toBe(kind('g'));
    for (let index = 0; index < 1100; index++) canonicalUnit(`{unit${index}}`);
    expect(kind('mg')).toBe(kind('g'));
  });
});
