import fc from 'fast-check';
import { OutcomeError } from '../outcomes/outcome-error.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import { fhirpathPatch } from './fhirpath-patch.js';

const version = fhirVersion('4.0.1');

type Part = Record<string, unknown>;

const operation = (type: string, path: string, ...parts: Part[]) => ({
  name: 'operation',
  part: [{ name: 'type', valueCode: type }, { name: 'path', valueString: path }, ...parts],
});
const named = (name: string): Part => ({ name: 'name', valueString: name });
const value = (members: Part): Part => ({ name: 'value', ...members });
const at = (name: string, index: number): Part => ({ name, valueInteger: index });
/** Parameters have no `valueExtension`. */
const extension: Part = {
  name: 'value',
  part: [
    { name: 'url', valueUri: 'u' },
    { name: 'value', valueCode: 'x' },
  ],
};
const parameters = (...operations: object[]) => JSON.stringify({ resourceType: 'Parameters', parameter: operations });

const patient =
  '{"resourceType":"Patient","id":"p","name":[{"use":"official","family":"Quay","given":["Ana","Bea"],"_given":[null,{"id":"g"}]},{"use":"usual"}],' +
  '"birthDate":"1990-01-01","contact":[{"name":{"text":"A"}}],"deceasedBoolean":true}';
const observation =
  '{"resourceType":"Observation","id":"o","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00,"unit":"kg"},"component":[{"code":{"text":"c"},"valueInteger":1}]}';

const apply = (resource: string, ...operations: object[]): Record<string, unknown> =>
  JSON.parse(fhirpathPatch(version, parameters(...operations))(resource)) as Record<string, unknown>;

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof OutcomeError) return error.category;
    throw error;
  }
  throw new Error('Nothing was refused.');
}

/** https://hl7.org/fhir/R4/fhirpatch.html */
describe('a FHIRPath Patch', () => {
  test.each<[string, string, object, object]>([
    [
      'adds a single element',
      patient,
      operation('add', 'Patient', named('gender'), value({ valueCode: 'female' })),
      { gender: 'female' },
    ],
    [
      'adds to a list that is there',
      patient,
      operation('add', 'Patient', named('name'), value({ valueHumanName: { text: 'new' } })),
      { name: [{}, { use: 'usual' }, { text: 'new' }] },
    ],
    [
      'adds the first of a list',
      patient,
      operation('add', 'Patient', named('telecom'), value({ valueContactPoint: { value: '1' } })),
      { telecom: [{ value: '1' }] },
    ],
    [
      'adds a choice by its own name',
      '{"resourceType":"Patient","id":"p"}',
      operation('add', 'Patient', named('deceased'), value({ valueDateTime: '2020' })),
      { deceasedDateTime: '2020' },
    ],
    [
      'adds a backbone element from parts',
      '{"resourceType":"Patient","id":"p"}',
      operation('add', 'Patient', named('contact'), {
        name: 'value',
        part: [
          { name: 'name', valueHumanName: { text: 'A' } },
          { name: 'telecom', valueContactPoint: { value: '1' } },
          { name: 'telecom', valueContactPoint: { value: '2' } },
          { name: 'gender', valueCode: 'male' },
        ],
      }),
      { contact: [{ name: { text: 'A' }, telecom: [{ value: '1' }, { value: '2' }], gender: 'male' }] },
    ],
    [
      'adds an extension to a primitive',
      patient,
      operation('add', 'Patient.birthDate', named('extension'), extension),
      { birthDate: '1990-01-01', _birthDate: { extension: [{ url: 'u', valueCode: 'x' }] } },
    ],
    [
      'adds an extension to a primitive in a list',
      patient,
      operation('add', 'Patient.name[0].given[0]', named('extension'), extension),
      { name: [{ given: ['Ana', 'Bea'], _given: [{ extension: [{ url: 'u', valueCode: 'x' }] }, { id: 'g' }] }, {}] },
    ],
    [
      'inserts into a list',
      patient,
      operation('insert', 'Patient.name', at('index', 1), value({ valueHumanName: { text: 'new' } })),
      { name: [{ use: 'official' }, { text: 'new' }, { use: 'usual' }] },
    ],
    [
      'inserts into a list of primitives and keeps what belongs to each',
      patient,
      operation('insert', "Patient.name.where(use='official').given", at('index', 0), value({ valueString: 'Zoe' })),
      { name: [{ given: ['Zoe', 'Ana', 'Bea'], _given: [null, null, { id: 'g' }] }, {}] },
    ],
    [
      'inserts the first of a list',
      patient,
      operation('insert', 'Patient.telecom', at('index', 0), value({ valueContactPoint: { value: '1' } })),
      { telecom: [{ value: '1' }] },
    ],
    [
      'replaces a primitive',
      patient,
      operation('replace', 'Patient.birthDate', value({ valueDate: '1991' })),
      { birthDate: '1991' },
    ],
    [
      'replaces a primitive in a list',
      patient,
      operation('replace', 'Patient.name.given.first()', value({ valueString: 'Zoe' })),
      { name: [{ given: ['Zoe', 'Bea'], _given: [null, { id: 'g' }] }, {}] },
    ],
    [
      'replaces an item of a list',
      patient,
      operation('replace', 'Patient.name[1]', value({ valueHumanName: { text: 'new' } })),
      { name: [{ use: 'official' }, { text: 'new' }] },
    ],
    [
      'moves an item of a list with what belongs to it',
      patient,
      operation('move', 'Patient.name[0].given', at('source', 1), at('destination', 0)),
      { name: [{ given: ['Bea', 'Ana'], _given: [{ id: 'g' }, null] }, {}] },
    ],
  ])('%s', (_, resource, step, expected) => {
    expect(apply(resource, step)).toMatchObject(expected);
  });

  test.each(supportedFhirVersions().map(({ label }) => label))('knows lists and choices of %s', (label) => {
    const patch = fhirpathPatch(
      fhirVersion(label),
      parameters(
        operation('add', 'Observation', named('category'), value({ valueCodeableConcept: { text: 'c' } })),
        operation('replace', 'Observation.value', value({ valueString: 'heavy' })),
        operation('replace', 'Observation.component[0].value', value({ valueInteger: 7 })),
      ),
    );
    expect(JSON.parse(patch(observation))).toMatchObject({
      category: [{ text: 'c' }],
      valueString: 'heavy',
      component: [{ valueInteger: 7 }],
    });
  });

  test('replaces a choice by another form', () => {
    const patched = apply(observation, operation('replace', 'Observation.value', value({ valueString: 'heavy' })));
    expect(patched).toMatchObject({ valueString: 'heavy' });
    expect(patched).not.toHaveProperty('valueQuantity');
  });

  test('deletes what its path finds, and the list when it was the last', () => {
    expect(apply(patient, operation('delete', 'Patient.contact'))).not.toHaveProperty('contact');
    expect(apply(patient, operation('delete', 'Patient.deceased'))).not.toHaveProperty('deceasedBoolean');
    expect(apply(patient, operation('delete', 'Patient.name[0].given[0]'))).toMatchObject({
      name: [{ given: ['Bea'], _given: [{ id: 'g' }] }, {}],
    });
    expect(apply(patient, operation('delete', 'Patient.name[0].given[1]'))).toMatchObject({
      name: [{ given: ['Ana'] }, {}],
    });
    expect(apply(patient, operation('delete', 'Patient.photo'))).toEqual(JSON.parse(patient));
  });

  test('carries out its operations one after the other', () => {
    const patched = apply(
      patient,
      operation('delete', 'Patient.name[0]'),
      operation('replace', 'Patient.name[0].use', value({ valueCode: 'old' })),
    );
    expect(patched['name']).toEqual([{ use: 'old' }]);
  });

  test('keeps the text of numbers', () => {
    const step = operation('replace', 'Observation.component[0].value', value({ valueInteger: 2 }));
    const text = fhirpathPatch(version, parameters(step))(observation);
    expect(text).toContain('{"value":1.00,"unit":"kg"}');
    const raw = parameters(operation('replace', 'Observation.value.value', value({ valueDecimal: 7 }))).replace(
      '"valueDecimal":7',
      '"valueDecimal":7.10',
    );
    expect(fhirpathPatch(version, raw)(observation)).toContain('{"value":7.10,"unit":"kg"}');
  });

  test.each([
    ['a path that finds several', operation('replace', 'Patient.name', value({ valueHumanName: { text: 'x' } }))],
    ['a path that finds nothing', operation('replace', 'Patient.photo', value({ valueAttachment: { title: 'x' } }))],
    ['the resource itself', operation('delete', 'Patient')],
    ['a value that is no element', operation('delete', 'Patient.name.count()')],
    ['an element that there is already', operation('add', 'Patient', named('birthDate'), value({ valueDate: '1991' }))],
    ['a second form of a choice', operation('add', 'Patient', named('deceased'), value({ valueDateTime: '1991' }))],
    ['an unknown element', operation('add', 'Patient', named('colour'), value({ valueString: 'red' }))],
    [
      'a list position outside',
      operation('insert', 'Patient.name', at('index', 3), value({ valueHumanName: { text: 'x' } })),
    ],
    ['a move from outside', operation('move', 'Patient.name', at('source', 2), at('destination', 0))],
    ['a move in no list', operation('move', 'Patient.birthDate', at('source', 0), at('destination', 0))],
  ])('with %s does not fit', (_, step) => {
    expect(refusal(() => apply(patient, step))).toBe('unprocessable');
  });

  test.each([
    ['another resource', '{"resourceType":"Patient"}'],
    ['an invalid Parameters', '{"resourceType":"Parameters","parameter":[{"part":[]}]}'],
    ['another parameter', '{"resourceType":"Parameters","parameter":[{"name":"x","valueString":"y"}]}'],
    ['no path', parameters({ name: 'operation', part: [{ name: 'type', valueCode: 'delete' }] })],
    ['a path twice', parameters(operation('delete', 'a', { name: 'path', valueString: 'b' }))],
    ['an unknown type', parameters(operation('copy', 'Patient.name'))],
    ['no value', parameters(operation('replace', 'Patient.name'))],
    ['no FHIRPath', parameters(operation('delete', 'Patient..name('))],
    ['a negative index', parameters(operation('insert', 'Patient.name', at('index', -1), value({ valueString: 'x' })))],
    ['a path to no list', parameters(operation('move', "Patient.where(a='b')", at('source', 0), at('destination', 0)))],
    ['a costly function', parameters(operation('delete', 'Patient.repeat(contact)'))],
    ['a function without its argument', parameters(operation('delete', 'Patient.name.where()'))],
    ['a union', parameters(operation('delete', 'Patient.name | Patient.contact'))],
    [
      'a condition that starts again at the resource',
      parameters(operation('delete', 'Patient.name.where(%context.name.where(%context.name.exists()).exists())')),
    ],
    ['a variable of the resource', parameters(operation('delete', 'Patient.name.where(%resource.active)'))],
    ['a variable of the environment', parameters(operation('delete', 'Patient.name.where(use = %`ext-x`)'))],
    ['a running total', parameters(operation('delete', 'Patient.name.where($total.exists())'))],
    ['a regular expression', parameters(operation('delete', "Patient.name.where(family.matches('(a+)+b'))"))],
    ['another resource in its path', parameters(operation('delete', 'Patient.generalPractitioner.resolve().name'))],
    ['a very long path', parameters(operation('delete', `Patient${'.name'.repeat(200)}`))],
    ['no JSON', '{'],
  ])('with %s is no patch', (_, text) => {
    expect(refusal(() => fhirpathPatch(version, text)(patient))).toBe('invalid');
  });

  test('that would read a large resource again and again is refused', () => {
    const large = patient.replace('"A"', JSON.stringify('x'.repeat(200_000)));
    const many = Array.from({ length: 150 }, () => operation('delete', 'Patient.photo'));
    expect(refusal(() => apply(large, ...many))).toBe('too-costly');
    expect(apply(large, ...many.slice(0, 10))).toHaveProperty('contact');
  });

  test('whose conditions take too long is broken off', () => {
    const names = Array.from({ length: 2_000 }, () => '{"family":"A"}').join(',');
    const large = `{"resourceType":"Patient","id":"a","meta":{},"name":[${names}]}`;
    const conditions = Array.from({ length: 20 }, () => "family='A'").join(' and ');
    const many = Array.from({ length: 200 }, () =>
      operation('delete', `Patient.name.where(${conditions}).where(family='B')`),
    );
    expect(refusal(() => apply(large, ...many))).toBe('too-costly');
  });

  const token = fc.constantFrom(
    ...'Patient . name given [0] [1] contact birthDate extension deceased value where( ofType( ) = and | first() last()'.split(
      ' ',
    ),
    ...["'official'", 'use', ' ', '$this', '%resource', '1', '-', "extension('u')", 'contained', 'id', 'resourceType'],
  );
  const anyValue = fc.constantFrom<Part>(
    { valueString: 'x' },
    { valueBoolean: true },
    { valueHumanName: { text: 'x' } },
    { _valueString: { id: 'x' } },
    { part: [{ name: 'text', valueString: 'x' }] },
    { part: [{ name: 'toString', valueString: 'x' }] },
    { resource: { resourceType: 'Basic', code: { text: 'x' } } },
    {},
  );

  test('of any kind is done or refused, and whatever it leaves is JSON of a resource', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('add', 'insert', 'delete', 'replace', 'move'),
        fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => tokens.join('')),
        fc.constantFrom('name', 'gender', 'extension', 'id', 'toString', '__proto__', 'contained', 'value'),
        anyValue,
        (type, path, name, members) => {
          const step = operation(
            type,
            path,
            named(name),
            value(members),
            at('index', 0),
            at('source', 0),
            at('destination', 1),
          );
          try {
            expect(apply(patient, step)).toMatchObject({ resourceType: 'Patient' });
          } catch (error) {
            if (!(error instanceof OutcomeError)) throw error;
            expect(['invalid', 'unprocessable']).toContain(error.category);
          }
        },
      ),
      { numRuns: 500, seed: 1 },
    );
  });
});
