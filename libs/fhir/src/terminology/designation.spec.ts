import { type Designation, inLanguage } from './designation.js';

const inTongues = (...languages: string[]): Designation[] =>
  languages.map((language) => ({ language, value: `in ${language}` }));

describe('the designation that shows a code in a language', () => {
  it.each<[string, string[], string | undefined]>([
    ['de', ['fr', 'de-AT', 'de'], 'in de'],
    ['de', ['fr', 'de-AT'], 'in de-AT'],
    ['de-DE', ['fr', 'de'], 'in de'],
    ['de-DE', ['de', 'de-de'], 'in de-de'],
    ['zh-Hant-TW', ['zh', 'zh-Hant', 'zh-Hans'], 'in zh-Hant'],
    ['zh-Hant-TW', ['zh-Hans', 'z', 'zh-Ha'], undefined],
    ['de-DE', ['de-AT'], undefined],
    ['de', ['den', ''], undefined],
  ])('for %s among %j', (wanted, languages, shown) => {
    expect(inLanguage(inTongues(...languages), wanted)).toBe(shown);
  });

  it('is one that is meant to be shown before any other', () => {
    const coded = (system: string, code: string) => ({ use: { system, code } });
    const definition = {
      language: 'de-DE',
      value: 'Säugetier, das bellt',
      ...coded('http://uses.example', 'definition'),
    };
    const name = { language: 'de', value: 'Hund', ...coded('http://snomed.info/sct', '900000000000003001') };
    const plain = { language: 'de', value: 'Haushund' };
    expect(inLanguage([definition, name, plain], 'de-DE')).toBe('Hund');
    expect(inLanguage([definition, plain, name], 'de-DE')).toBe('Haushund');
    expect(inLanguage([definition], 'de')).toBe('Säugetier, das bellt');
  });
});
