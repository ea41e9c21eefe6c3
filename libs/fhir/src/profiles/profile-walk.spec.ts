import type { JsonObject } from '../json/json-value.js';
import { observation, patient, wrong } from './profile.fixture.js';

describe('an element of a profile', () => {
  it.each<[string, JsonObject, JsonObject, string[]]>([
    ['must be there', patient(), { path: 'Patient.name', min: 1 }, ['Patient.name is required']],
    ['that is there satisfies it', patient({ name: [{ text: 'x' }] }), { path: 'Patient.name', min: 1 }, []],
    [
      'must be there twice',
      patient({ name: [{ text: 'x' }] }),
      { path: 'Patient.name', min: 2 },
      ['Patient.name must be there 2 times at least'],
    ],
    [
      'may be there once',
      patient({ name: [{ text: 'x' }, { text: 'y' }] }),
      { path: 'Patient.name', min: 0, max: '1' },
      ['Patient.name may be there 1 times at most'],
    ],
    [
      'must not be there',
      patient({ gender: 'other' }),
      { path: 'Patient.gender', max: '0' },
      ['Patient.gender must not be there'],
    ],
    [
      'is there by an extension alone',
      patient({ _birthDate: { extension: [{ url: 'u', valueCode: 'x' }] } }),
      { path: 'Patient.birthDate', min: 1 },
      [],
    ],
    [
      'of a list of primitives is there by an extension alone',
      patient({ name: [{ given: [null, 'a'], _given: [{ id: 'x' }, null] }] }),
      { path: 'Patient.name.given', min: 2 },
      [],
    ],
    [
      'that is a choice must be there',
      observation(),
      { path: 'Observation.value[x]', min: 1 },
      ['Observation.value is required'],
    ],
    [
      'that is a choice is there in any form',
      observation({ valueBoolean: true }),
      { path: 'Observation.value[x]', min: 1 },
      [],
    ],
    [
      'that is a form of a choice',
      observation({ valueString: 'x' }),
      { path: 'Observation.valueQuantity', min: 1 },
      ['Observation.value is required'],
    ],
    [
      'may be of some types only',
      observation({ valueString: 'x' }),
      { path: 'Observation.value[x]', type: [{ code: 'Quantity' }, { code: 'boolean' }] },
      ['Observation.value must be of type Quantity or boolean'],
    ],
    [
      'of an allowed type',
      observation({ valueBoolean: true }),
      { path: 'Observation.value[x]', type: [{ code: 'Quantity' }, { code: 'boolean' }] },
      [],
    ],
    [
      'may be some resources only',
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: observation() }, { resource: patient() }] },
      { path: 'Bundle.entry.resource', type: [{ code: 'Patient' }] },
      ['Bundle.entry[0].resource must be of type Patient'],
    ],
    [
      'may be any resource',
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: observation() }] },
      { path: 'Bundle.entry.resource', type: [{ code: 'Resource' }] },
      [],
    ],
    [
      'has a fixed value',
      patient({ gender: 'male' }),
      { path: 'Patient.gender', fixedCode: 'female' },
      ['Patient.gender must be "female"'],
    ],
    [
      'has a fixed value, member for member',
      observation({ valueQuantity: { value: 1, unit: 'g' } }),
      { path: 'Observation.value[x]', fixedQuantity: { unit: 'g' } },
      ['Observation.value must be {"unit":"g"}'],
    ],
    [
      'has a fixed value in any order of members',
      observation({ valueQuantity: { value: 1, unit: 'g' } }),
      { path: 'Observation.value[x]', fixedQuantity: { unit: 'g', value: 1 } },
      [],
    ],
    [
      'has a fixed value, and there is an extension alone',
      patient({ _gender: { id: 'x' } }),
      { path: 'Patient.gender', fixedCode: 'female' },
      ['Patient.gender must be "female"'],
    ],
    [
      'has a pattern that is met',
      observation({ category: [{ coding: [{ code: 'x' }, { system: 's', code: 'y' }], text: 't' }] }),
      { path: 'Observation.category', patternCodeableConcept: { coding: [{ code: 'y' }] } },
      [],
    ],
    [
      'has a pattern that is not met',
      observation({ category: [{ coding: [{ code: 'x' }] }, { text: 'y' }] }),
      { path: 'Observation.category', patternCodeableConcept: { coding: [{ code: 'x' }] } },
      ['Observation.category[1] must match {"coding":[{"code":"x"}]}'],
    ],
    [
      'has a pattern of which each item is met by one',
      observation({ category: [{ coding: [{ code: 'x' }, { code: 'y' }] }, { coding: [{ code: 'x' }] }] }),
      { path: 'Observation.category', patternCodeableConcept: { coding: [{ code: 'x' }, { code: 'y' }] } },
      ['Observation.category[1] must match {"coding":[{"code":"x"},{"code":"y"}]}'],
    ],
    [
      'has a greatest length',
      patient({ name: [{ family: 'Winter' }] }),
      { path: 'Patient.name.family', maxLength: 5 },
      ['Patient.name[0].family must not be longer than 5 characters'],
    ],
    ['has that length', patient({ name: [{ family: 'Winte' }] }), { path: 'Patient.name.family', maxLength: 5 }, []],
  ])('%s', (_, resource, element, expected) => {
    expect(wrong(resource, element)).toEqual(expected);
  });

  it.each<[string, JsonObject, string[]]>([
    ['nothing where what holds it is not there', patient(), []],
    [
      'it within each that is there',
      patient({ contact: [{ name: { text: 'x' } }, { gender: 'other', name: { family: 'y' } }] }),
      ['Patient.contact[0].name.family is required'],
    ],
  ])('that is nested demands %s', (_, resource, expected) => {
    expect(
      wrong(
        resource,
        { path: 'Patient.contact' },
        { path: 'Patient.contact.name' },
        { path: 'Patient.contact.name.family', min: 1 },
      ),
    ).toEqual(expected);
  });

  it('may stand below others that the list does not have', () => {
    expect(wrong(patient({ contact: [{ gender: 'other' }] }), { path: 'Patient.contact.name.family', min: 1 })).toEqual(
      [],
    );
    expect(
      wrong(patient({ contact: [{ name: { text: 'x' } }] }), { path: 'Patient.contact.name.family', min: 1 }),
    ).toEqual(['Patient.contact[0].name.family is required']);
  });

  it('may stand below a primitive, whose extensions it is about', () => {
    const element = { path: 'Patient.birthDate.extension', min: 1 };
    expect(wrong(patient({ birthDate: '1980' }), element)).toEqual(['Patient.birthDate.extension is required']);
    expect(
      wrong(patient({ birthDate: '1980', _birthDate: { extension: [{ url: 'u', valueCode: 'x' }] } }), element),
    ).toEqual([]);
  });

  it('may stand below a choice, where it is about the values that have it', () => {
    const elements = [
      { path: 'Observation.value[x]', type: [{ code: 'Quantity' }, { code: 'string' }] },
      { path: 'Observation.value[x].unit', min: 1 },
    ];
    expect(wrong(observation({ valueQuantity: { value: 1 } }), ...elements)).toEqual([
      'Observation.value.unit is required',
    ]);
    expect(wrong(observation({ valueQuantity: { unit: 'g' } }), ...elements)).toEqual([]);
  });

  it('of a recursive one can be gone into by the elements of the list', () => {
    const rule = { path: 'Questionnaire.item.item.text', min: 1 };
    const item = [{ linkId: '1', type: 'group', item: [{ linkId: '2', type: 'display' }] }];
    expect(wrong({ resourceType: 'Questionnaire', status: 'draft', item }, rule)).toEqual([
      'Questionnaire.item[0].item[0].text is required',
    ]);
  });
});
