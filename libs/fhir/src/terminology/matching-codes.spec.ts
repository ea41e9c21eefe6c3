import { matchingCodes } from './matching-codes.js';

const codes = [
  ['M', 'Married'],
  ['UNM', 'Unmarried'],
  ['S', 'Never Married'],
  ['L', 'Legally Separated'],
  ['final-result', 'Final (complete)'],
  ['cafe', 'Café au lait'],
  ['married', 'Wed'],
  ['none', undefined],
] as const;
const options = codes.map(([code, display]) => ({
  system: 'http://codes.example',
  code,
  ...(display === undefined ? {} : { display }),
  designations: [],
  isInactive: false,
  isAbstract: false,
}));

const matches = async (text: string): Promise<string[]> => (await matchingCodes(options, text)).map(({ code }) => code);

describe('the codes that match what was typed', () => {
  it.each([
    ['mar', ['M', 'married', 'S'], 'a word begins with it; those that begin with it come first'],
    ['MARRIED', ['M', 'married', 'S'], 'case does not count; equal ones come first'],
    ['arried', [], 'a word must begin with it'],
    ['un', ['UNM'], 'a code may begin with it'],
    ['sep leg', ['L'], 'words may be in another order'],
    ['leg xyz', [], 'every word counts'],
    ['final-re', ['final-result'], 'codes are not taken apart'],
    ['comp', ['final-result'], 'brackets do not hide words'],
    ['cafe', ['cafe'], 'accents do not count'],
    ['no', ['none'], 'there may be no display'],
    ['  ', codes.map(([code]) => code), 'no word is no wish'],
    ['(', [], 'a sign is no word'],
    [`leg${'.leg'.repeat(19)}.xyz`, ['L'], 'parts of a word behind the twentieth do not count'],
  ])('%j finds %j: %s', async (text, found) => {
    expect(await matches(text)).toEqual(found);
  });

  it('are found among many without keeping others waiting', async () => {
    const many = Array.from({ length: 20_000 }, (_, n) => ({ ...options[0]!, code: `x${n}`, display: `Thing ${n}` }));
    let turns = 0;
    const others = setInterval(() => turns++, 0);
    const found = await matchingCodes(many, 'thing 1999');
    clearInterval(others);
    expect(found.map(({ code }) => code)).toEqual(['x1999', ...Array.from({ length: 10 }, (_, n) => `x1999${n}`)]);
    expect(turns).toBeGreaterThan(0);
  });
});
