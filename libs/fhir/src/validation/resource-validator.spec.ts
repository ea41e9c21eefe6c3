import type { JsonObject } from '../json/json-value.js';
import { fhirVersion } from '../versions/registry.js';

const r4 = fhirVersion('R4');

const patient = (members: JsonObject): JsonObject => ({ resourceType: 'Patient', ...members });
const observation = (members: JsonObject): JsonObject => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'c' },
  ...members,
});
const parsed = (text: string) => JSON.parse(text) as JsonObject;

describe('a valid resource has no issues', () => {
  it.each<[string, JsonObject]>([
    ['nothing but its type', patient({})],
    ['primitives with extensions only', patient({ _birthDate: { extension: [{ url: 'u', valueString: 'v' }] } })],
    [
      'a required primitive given by its extension',
      parsed('{"resourceType":"Observation","_status":{"id":"a"},"code":{"text":"c"}}'),
    ],
    [
      'nulls that keep values and extensions in step',
      patient({ name: [{ given: ['a', null], _given: [null, { id: 'x' }] }] }),
    ],
    [
      'elements that name the type they are about, which are no resources of it',
      { resourceType: 'AccessPolicy', resource: [{ resourceType: 'Organization', readonly: true }] },
    ],
    ['one form of a choice', observation({ valueQuantity: { value: 1.5 } })],
    ['a contained resource', patient({ contained: [{ resourceType: 'Organization', id: 'o', name: 'n' }] })],
    ['a leap day', patient({ birthDate: '2024-02-29' })],
    [
      'server-managed meta',
      patient({ meta: { project: 'p', accounts: [{ reference: 'Organization/1' }], author: { display: 'd' } } }),
    ],
    ['base64 with line breaks', { resourceType: 'Binary', contentType: 'text/plain', data: 'aGVs\r\nbG8=' }],
    ['a large attachment', { resourceType: 'Binary', contentType: 'text/plain', data: 'AAAA'.repeat(1_000_000) }],
  ])('%s', (_, resource) => {
    expect(r4.validate(resource, 'structure')).toEqual([]);
  });
});

describe('an issue points to the element that is wrong', () => {
  it.each<[string, JsonObject, string, string, string]>([
    ['an unknown element', patient({ nmae: 'x' }), 'Patient.nmae', 'structure', 'is not an element of this type'],
    [
      'an unknown element far down',
      patient({ contact: [{}, { name: { first: 'x' } }] }),
      'Patient.contact[1].name.first',
      'structure',
      'not an element',
    ],
    [
      '__proto__',
      parsed('{"resourceType":"Patient","__proto__":{"active":true}}'),
      'Patient.__proto__',
      'structure',
      'not an element',
    ],
    [
      'constructor',
      parsed('{"resourceType":"Patient","name":[{"constructor":"x"}]}'),
      'Patient.name[0].constructor',
      'structure',
      'not an element',
    ],
    [
      'a missing complex element',
      { resourceType: 'Observation', status: 'final' },
      'Observation.code',
      'required',
      'is required',
    ],
    [
      'a missing primitive',
      { resourceType: 'Observation', code: { text: 'c' } },
      'Observation.status',
      'required',
      'is required',
    ],
    [
      'a missing choice',
      { resourceType: 'MedicationRequest', status: 'active', intent: 'order', subject: { display: 'd' } },
      'MedicationRequest.medication',
      'required',
      'medicationCodeableConcept',
    ],
    [
      'two forms of a choice',
      observation({ valueString: 'a', valueBoolean: true }),
      'Observation.value',
      'structure',
      'valueString and valueBoolean',
    ],
    [
      'a form that the choice does not have',
      observation({ valueAddress: {} }),
      'Observation.valueAddress',
      'structure',
      'not an element',
    ],
    [
      'a wrong element in a choice',
      observation({ valueQuantity: { value: '1' } }),
      'Observation.value.value',
      'structure',
      'a number, without quotes',
    ],
    [
      'a code outside its value set',
      patient({ gender: 'banana' }),
      'Patient.gender',
      'value',
      'must be one of: male, female, other, unknown',
    ],
    ['a number for a code', patient({ gender: 1 }), 'Patient.gender', 'structure', 'must be one of'],
    ['one value for a list', patient({ name: { family: 'Q' } }), 'Patient.name', 'structure', 'must be a list'],
    [
      'one value for a list of primitives',
      patient({ name: [{ given: 'x' }] }),
      'Patient.name[0].given',
      'structure',
      'must be a list',
    ],
    [
      'a list for one value',
      patient({ birthDate: ['2020'] }),
      'Patient.birthDate',
      'structure',
      'must be a string: a real date',
    ],
    [
      'a list for an object',
      patient({ maritalStatus: [{ text: 'x' }] }),
      'Patient.maritalStatus',
      'structure',
      'must be a CodeableConcept',
    ],
    [
      'a wrong item in a list of primitives',
      patient({ name: [{ given: ['a', 1] }] }),
      'Patient.name[0].given[1]',
      'structure',
      'must be a string',
    ],
    ['a boolean in quotes', patient({ active: 'true' }), 'Patient.active', 'structure', 'true or false'],
    ['a broken number', patient({ multipleBirthInteger: 1.5 }), 'Patient.multipleBirth', 'value', 'whole number'],
    [
      'a number beyond 32 bits',
      patient({ multipleBirthInteger: 2 ** 31 }),
      'Patient.multipleBirth',
      'value',
      'whole number',
    ],
    [
      'a number that no computer holds',
      observation({ valueQuantity: { value: JSON.parse('1e400') as number } }),
      'Observation.value.value',
      'value',
      'a number',
    ],
    [
      'a date of another form',
      patient({ birthDate: '31.12.2020' }),
      'Patient.birthDate',
      'value',
      'such as 2024-02-29',
    ],
    ['a day that does not exist', patient({ birthDate: '2021-02-30' }), 'Patient.birthDate', 'value', 'a real date'],
    [
      'a dateTime on a day that does not exist',
      observation({ effectiveDateTime: '2023-02-29T10:00:00Z' }),
      'Observation.effective',
      'value',
      'a real date',
    ],
    [
      'a time without a zone',
      observation({ issued: '2020-01-01T10:00:00' }),
      'Observation.issued',
      'value',
      'with seconds and a zone',
    ],
    ['an id of another form', patient({ id: 'a b' }), 'Patient.id', 'value', 'must be an id'],
    [
      'a URI with white space',
      patient({ identifier: [{ system: 'a b' }] }),
      'Patient.identifier[0].system',
      'value',
      'without white space',
    ],
    ['a code with a leading blank', patient({ language: ' en' }), 'Patient.language', 'value', 'must be a code'],
    ['an empty string', patient({ name: [{ family: '' }] }), 'Patient.name[0].family', 'value', 'must not be empty'],
    ['a blank string', patient({ name: [{ family: ' \n' }] }), 'Patient.name[0].family', 'value', 'not blank'],
    ['an empty list', patient({ name: [] }), 'Patient.name', 'structure', 'must not be an empty list'],
    ['an empty object', patient({ name: [{}] }), 'Patient.name[0]', 'invariant', 'must not be an empty object'],
    ['null', patient({ name: null }), 'Patient.name', 'structure', 'must not be null'],
    ['a null item', patient({ name: [null] }), 'Patient.name[0]', 'structure', 'must be a HumanName'],
    [
      'a null without its extension',
      patient({ name: [{ given: ['a', null] }] }),
      'Patient.name[0].given[1]',
      'structure',
      'unless _given',
    ],
    [
      'a null extension without its value',
      patient({ name: [{ _given: [null] }] }),
      'Patient.name[0].given[0]',
      'structure',
      'unless given',
    ],
    [
      'a wrong extension of a primitive',
      patient({ _birthDate: { extension: [{ valueString: 'x' }] } }),
      'Patient.birthDate.extension[0].url',
      'required',
      'is required',
    ],
    ['bad base64', patient({ photo: [{ data: 'abc' }] }), 'Patient.photo[0].data', 'value', 'base64'],
    [
      'base64 with padding inside',
      patient({ photo: [{ data: 'ab==abcd' }] }),
      'Patient.photo[0].data',
      'value',
      'base64',
    ],
    [
      'an error in a contained resource',
      patient({ contained: [{ resourceType: 'Observation', id: 'o', status: 'x', code: { text: 'c' } }] }),
      'Patient.contained[0].status',
      'value',
      'must be one of',
    ],
    [
      'a contained resource of unknown type',
      patient({ contained: [{ resourceType: 'Nothing' }] }),
      'Patient.contained[0]',
      'structure',
      'known resourceType',
    ],
    [
      'a contained data type',
      patient({ contained: [{ resourceType: 'HumanName' }] }),
      'Patient.contained[0]',
      'structure',
      'known resourceType',
    ],
    [
      'a contained resource that is none',
      patient({ contained: ['x'] }),
      'Patient.contained[0]',
      'structure',
      'must be a resource',
    ],
    [
      'a resource in a Bundle',
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: patient({ active: 1 }) }] },
      'Bundle.entry[0].resource.active',
      'structure',
      'true or false',
    ],
    ['an unknown type', { resourceType: 'Nothing' }, 'resourceType', 'structure', 'resource type of FHIR R4'],
    [
      'a data type for a resource type',
      { resourceType: 'HumanName', family: 'x' },
      'resourceType',
      'structure',
      'resource type',
    ],
    ['an inherited name for a type', { resourceType: 'constructor' }, 'resourceType', 'structure', 'resource type'],
    ['no type', { id: 'x' }, 'resourceType', 'structure', 'resource type'],
  ])('%s', (_, resource, expression, code, text) => {
    const issues = r4.validate(resource, 'structure').filter((issue) => issue.expression?.[0] === expression);
    expect(issues).toHaveLength(1);
    expect(issues[0]).toMatchObject({ severity: 'error', code, text: expect.stringContaining(text) });
  });

  it('names every wrong element, in the order of the members', () => {
    const issues = r4.validate(patient({ active: 'x', gender: 'y', name: [{ family: '' }], birthDate: '2021-02-30' }));
    expect(issues.map((issue) => issue.expression?.[0])).toEqual([
      'Patient.active',
      'Patient.gender',
      'Patient.name[0].family',
      'Patient.birthDate',
    ]);
  });

  it('repeats none of the values that the client sent', () => {
    const secret = 'Hunter2';
    const issues = r4.validate(patient({ gender: secret, birthDate: secret, active: secret, id: `${secret} ` }));
    expect(issues).toHaveLength(4);
    expect(JSON.stringify(issues)).not.toContain(secret);
  });
});

describe('hostile input', () => {
  it('gets twenty issues at most, however much is wrong', () => {
    expect(r4.validate(patient({ name: Array.from({ length: 200_000 }, () => 1) }))).toHaveLength(20);
    const members = Object.fromEntries(Array.from({ length: 200_000 }, (_, index) => [`x${index}`, 1]));
    expect(r4.validate(patient(members))).toHaveLength(20);
    expect(r4.validate({ ...members, resourceType: 'Observation' })).toHaveLength(20);
    expect(r4.validate(patient({ name: [{ given: Array.from({ length: 200_000 }, () => null) }] }))).toHaveLength(20);
  });

  it('is answered quickly for long strings that nearly fit', () => {
    const long = (text: string) => text.repeat(Math.floor(1_000_000 / text.length));
    const start = performance.now();
    for (const text of [long('a '), `${long('a')} `, long('aé '), long(' ')]) {
      expect(r4.validate(patient({ language: text }))).toHaveLength(1);
      expect(r4.validate(patient({ id: text }))).toHaveLength(1);
    }
    expect(r4.validate(patient({ language: `${long('a ')}a` }))).toEqual([]);
    expect(r4.validate(observation({ valueDateTime: `2020-01-01T00:00:00.${long('1')}` }))).toHaveLength(1);
    expect(r4.validate(patient({ photo: [{ data: `${long('AAAA')}*` }] }))).toHaveLength(1);
    expect(r4.validate(patient({ implicitRules: `urn:oid:1${long('.1')}.` }))).toEqual([]);
    expect(r4.validate(patient({ name: [{ family: `x${long('yy')}${long('zz')}` }] }))).toHaveLength(1);
    expect(performance.now() - start).toBeLessThan(5_000);
  });

  it('is refused when it is nested deeper than the stack allows', () => {
    let extension: JsonObject = { url: 'u', valueString: 'v' };
    for (let depth = 0; depth < 50_000; depth++) extension = { url: 'u', extension: [extension] };
    const issues = r4.validate(patient({ extension: [extension] }));
    expect(issues).toHaveLength(1);
    expect(issues[0]?.text).toContain('is nested too deeply');
  });
});
