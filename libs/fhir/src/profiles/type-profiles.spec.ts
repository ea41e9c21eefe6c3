import type { JsonObject } from '../json/json-value.js';
import { compiled, definition, observation, patient, r4, urlOf, wrongs } from './profile.fixture.js';

describe('the profiles that an element names', () => {
  const short = definition('short', 'HumanName', [{ path: 'HumanName.text', max: '0' }]);
  const full = definition('full', 'HumanName', [
    { path: 'HumanName.family', min: 1 },
    { path: 'HumanName.given', min: 1 },
  ]);
  const named = (...profile: string[]) =>
    definition('p', 'Patient', [{ path: 'Patient.name', type: [{ code: 'HumanName', profile }] }]);
  const someone = patient({ name: [{ family: 'x', text: 'y' }] });

  it('hold for each of its values', () => {
    expect(wrongs([named(urlOf('full')), full], someone)).toEqual(['Patient.name[0].given is required']);
    expect(wrongs([named(`${urlOf('full')}|1.0`), full], someone)).toEqual(['Patient.name[0].given is required']);
  });

  it('are an alternative when there are several', () => {
    const both = [named(urlOf('full'), urlOf('short')), full, short];
    expect(wrongs(both, patient({ name: [{ family: 'x' }, { given: ['g'], family: 'f', text: 'x' }] }))).toEqual([]);
    expect(wrongs(both, someone)).toEqual([`Patient.name[0] satisfies none of ${urlOf('full')}, ${urlOf('short')}`]);
  });

  it('are not checked when they are not here', () => {
    expect(wrongs([named(urlOf('full'))], someone)).toEqual([]);
    expect(wrongs([named(urlOf('full'), urlOf('short')), full], someone)).toEqual([]);
  });

  it('are those for the type that the value has', () => {
    const value = [
      { path: 'Observation.value[x]', type: [{ code: 'string' }, { code: 'Quantity', profile: [urlOf('grams')] }] },
    ];
    const grams = definition('grams', 'Quantity', [{ path: 'Quantity.unit', min: 1, fixedString: 'g' }]);
    const of = (more: JsonObject) => wrongs([definition('p', 'Observation', value), grams], observation(more));
    expect(of({ valueString: 'x' })).toEqual([]);
    expect(of({ valueQuantity: { value: 1, unit: 'kg' } })).toEqual(['Observation.value.unit must be "g"']);
  });

  it('may lead to each other and to themselves', () => {
    const extension = (name: string, other: string) =>
      definition(name, 'Extension', [
        { path: 'Extension.extension', type: [{ code: 'Extension', profile: [urlOf(other)] }] },
        { path: 'Extension.url', fixedUri: 'u' },
      ]);
    const start = definition('p', 'Patient', [
      { path: 'Patient.extension', type: [{ code: 'Extension', profile: [urlOf('a')] }] },
    ]);
    let nested: JsonObject = { url: 'x', valueCode: 'x' };
    for (let depth = 0; depth < 30; depth++) nested = { url: depth > 25 ? 'x' : 'u', extension: [nested] };
    const found = wrongs([start, extension('a', 'b'), extension('b', 'a')], patient({ extension: [nested] }));
    expect(found[0]).toBe('Patient.extension[0].extension[0].extension[0].extension[0].url must be "u"');
  });

  it('are told of as the profile that the resource claims', () => {
    const profiles = [named(urlOf('full')), full].map((one) => compiled(one));
    const verdict = r4.profiles.check({
      resource: someone,
      profiles: profiles.slice(0, 1),
      find: () => profiles[1],
      tellsContent: true,
    });
    expect(verdict).toMatchObject({
      issues: [
        {
          severity: 'error',
          code: 'required',
          text: `Patient.name[0].given is required (profile ${urlOf('p')})`,
          expression: ['Patient.name[0].given'],
        },
      ],
    });
  });
});
