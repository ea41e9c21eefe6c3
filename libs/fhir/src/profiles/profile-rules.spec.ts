import type { JsonObject } from '../json/json-value.js';
import { fhirVersion, supportedFhirVersions } from '../versions/registry.js';
import { compiled, definition, observation, patient, r4, urlOf, wrong, wrongs } from './profile.fixture.js';

describe('a profile', () => {
  it('for another type is broken by the resource as a whole', () => {
    expect(wrongs([definition('p', 'Patient', [{ path: 'Patient.name', min: 1 }])], observation())).toEqual([
      'Observation must be of type Patient',
    ]);
  });

  it('that says only what it adds holds together with the one that it is made of', () => {
    const differential = (name: string, baseDefinition: string, ...element: JsonObject[]) =>
      definition(name, 'Patient', [], { baseDefinition, snapshot: {}, differential: { element } });
    const child = differential('child', urlOf('parent'), { path: 'Patient.name', min: 1 });
    const parent = differential('parent', urlOf('child'), { path: 'Patient.gender', min: 1 });
    expect(compiled(child).needs).toEqual([urlOf('parent')]);
    expect(wrongs([child, parent], patient())).toEqual(['Patient.name is required', 'Patient.gender is required']);
    expect(wrongs([child], patient())).toEqual(['Patient.name is required']);
  });

  it('tells no more than where and in what way it is broken to those who may not read it', () => {
    const secret = definition('p', 'Patient', [
      {
        path: 'Patient',
        constraint: [{ key: 'secret-1', severity: 'error', human: 'secret', expression: 'address.exists()' }],
      },
      { path: 'Patient.name', min: 3, max: '1' },
      {
        path: 'Patient.gender',
        fixedCode: 'secret',
        patternCode: 'secret',
        maxLength: 1,
        binding: { strength: 'required', valueSet: 'http://hl7.org/fhir/ValueSet/name-use' },
      },
      { path: 'Patient.deceased[x]', type: [{ code: 'dateTime' }] },
      { path: 'Patient.telecom', slicing: { discriminator: [{ type: 'value', path: 'system' }], rules: 'closed' } },
      { path: 'Patient.telecom', sliceName: 'secret', min: 1 },
      { path: 'Patient.telecom.system', fixedCode: 'phone' },
    ]);
    const resource = patient({
      name: [{ text: 'x' }],
      gender: 'other',
      deceasedBoolean: true,
      telecom: [{ system: 'email' }],
    });
    expect(wrongs([secret], resource, false)).toEqual([
      'Patient breaks a rule',
      'Patient.name is there too seldom',
      'Patient.gender does not have the value that it must have',
      'Patient.gender is too long',
      'Patient.gender does not have a code that it may have',
      'Patient.deceased is not of a type that it may have',
      'Patient.telecom does not have all that it must have',
      'Patient.telecom[0] is of a kind that must not be there',
    ]);
  });

  it('gives a limited number of issues', () => {
    const name = Array.from({ length: 100 }, () => ({ text: 'x' }));
    expect(wrong(patient({ name }), { path: 'Patient.name.family', min: 1 })).toHaveLength(20);
    const profiles = ['family', 'given'].map((part) =>
      compiled(definition(part, 'Patient', [{ path: `Patient.name.${part}`, min: 1 }])),
    );
    const question = { resource: patient({ name }), profiles, find: () => undefined, tellsContent: true };
    expect(r4.profiles.check(question)).toMatchObject({ issues: { length: 20 } });
  });

  it.each<[string, JsonObject, string]>([
    ['no url', { url: 1 }, 'has no url'],
    ['another derivation', { derivation: 'specialization' }, 'does not constrain a type'],
    ['no type', { type: null }, 'constrains a type that there is not'],
    ['an unknown type', { type: 'Nonsense' }, 'constrains a type that there is not'],
    ['a type that is only there for others', { type: 'DomainResource' }, 'constrains a type that there is not'],
    ['the type of a logical model', { type: 'http://x.example/Model' }, 'constrains a type that there is not'],
    ['a type from the prototype of objects', { type: 'constructor' }, 'constrains a type that there is not'],
    ['no elements', { snapshot: { element: [] } }, 'has no elements'],
    ['elements that are no list', { snapshot: { element: { path: 'Patient' } } }, 'has no elements'],
    ['elements that are none', { snapshot: { element: [null, 1] } }, 'has elements whose path'],
    ['elements of another type', { snapshot: { element: [{ path: 'Observation.code' }] } }, 'has elements whose path'],
    [
      'too many elements',
      { snapshot: { element: Array.from({ length: 3_001 }, () => ({ path: 'Patient' })) } },
      'has more than 3000 elements',
    ],
  ])('is not made of a definition with %s', (_, more, problem) => {
    expect(r4.profiles.compile(definition('p', 'Patient', [], more))).toEqual({
      problem: expect.stringContaining(problem),
    });
  });

  it.each<[string, JsonObject[], string]>([
    [
      'an element that there is not',
      [{ path: 'Patient.nonsense', min: 1 }],
      'Patient.nonsense is no element of Patient.',
    ],
    [
      'a name from the prototype of objects',
      [
        { path: 'Patient.constructor', min: 1 },
        { path: 'Patient.__proto__', min: 1 },
      ],
      'Patient.constructor is no element',
    ],
    [
      'an element that is nested too deeply',
      [{ path: `Patient${'.extension'.repeat(30)}`, min: 1 }],
      'is nested too deeply',
    ],
    ['a path with a gap', [{ path: 'Patient..name', min: 1 }], 'is nested too deeply'],
    [
      'slices of slices',
      [
        { path: 'Patient.name' },
        { path: 'Patient.name', sliceName: 'a' },
        { path: 'Patient.name', sliceName: 'a/b', min: 1 },
        { path: 'Patient.name.text', min: 1 },
      ],
      "slices of the slice 'a/b'",
    ],
    [
      'members of any form',
      [
        {
          path: 'Patient.name',
          min: 'x',
          max: 1,
          type: 'HumanName',
          constraint: [null, { severity: 'error' }],
          binding: [],
          slicing: 1,
          maxLength: 'x',
          fixedX: null,
        },
      ],
      'is not checked: it has no expression',
    ],
  ])('leaves out %s, and says so', (_, elements, note) => {
    const { notes } = compiled(definition('p', 'Patient', elements));
    expect(notes.join(' ')).toContain(note);
    expect(wrong(patient({ active: true }), ...elements)).toEqual([]);
  });

  it('is read in no time, whatever it holds', () => {
    const elements = Array.from({ length: 2_900 }, (_, at) => ({
      path: 'Patient.name',
      sliceName: `s${at}`,
      patternHumanName: { text: `t${at}` },
    }));
    const before = process.cpuUsage();
    wrong(
      patient({ name: [{ text: 't5' }, { text: 'x' }] }),
      { path: 'Patient.name', slicing: { discriminator: [{ type: 'pattern', path: '$this' }], rules: 'open' } },
      ...elements,
    );
    expect(process.cpuUsage(before).user).toBeLessThan(2_000_000);
  });

  it('of a type of the platform works like any other', () => {
    const client = { resourceType: 'ClientApplication', name: 'x' };
    expect(wrong(client, { path: 'ClientApplication.description', min: 1 })).toEqual([
      'ClientApplication.description is required',
    ]);
  });

  it.each(supportedFhirVersions().map(({ label }) => label))(
    'works in FHIR %s by the types of that version',
    (label) => {
      const version = fhirVersion(label);
      const profile = definition('p', 'Observation', [
        { path: 'Observation.value[x]', type: [{ code: 'Quantity' }] },
        { path: 'Observation.code.text', min: 1 },
      ]);
      expect(wrongs([profile], observation({ valueString: 'x' }), true, version)).toEqual([
        'Observation.value must be of type Quantity',
        'Observation.code.text is required',
      ]);
    },
  );
});
