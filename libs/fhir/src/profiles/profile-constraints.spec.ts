import { isDeepStrictEqual } from 'node:util';
import type { JsonObject } from '../json/json-value.js';
import { compiled, definition, patient, r4, urlOf, wrong } from './profile.fixture.js';

describe('a constraint', () => {
  const constraint = (expression: string, more: JsonObject = {}) => ({
    constraint: [{ key: 'x-1', severity: 'error', human: 'must be so', expression, ...more }],
  });

  it.each<[string, JsonObject, string[]]>([
    [
      'on the resource',
      { path: 'Patient', ...constraint('name.exists() or identifier.exists()') },
      ['Patient breaks x-1: must be so'],
    ],
    [
      'that needs fhirpath',
      { path: 'Patient', ...constraint("contact.name.family.where($this.matches('^X')).exists()") },
      ['Patient breaks x-1: must be so'],
    ],
    [
      'on an element',
      { path: 'Patient.contact', ...constraint('telecom.exists()') },
      ['Patient.contact[0] breaks x-1: must be so', 'Patient.contact[1] breaks x-1: must be so'],
    ],
    [
      'on a value',
      { path: 'Patient.contact.name.family', ...constraint("startsWith('S')") },
      ['Patient.contact[0].name.family breaks x-1: must be so'],
    ],
    [
      'on a value, with the resource',
      { path: 'Patient.contact.name.family', ...constraint("$this.matches('x') or %resource.active.exists()") },
      [
        'Patient.contact[0].name.family breaks x-1: must be so',
        'Patient.contact[1].name.family breaks x-1: must be so',
      ],
    ],
    [
      'that asks for the type of a value',
      { path: 'Patient.contact.period.start', ...constraint('$this is dateTime') },
      [],
    ],
    ['that is met', { path: 'Patient', ...constraint('contact.all(name.exists())') }, []],
    ['of less than severity error', { path: 'Patient', ...constraint('name.exists()', { severity: 'warning' }) }, []],
    ['that gives nothing', { path: 'Patient', ...constraint('birthDate > @2020-01-01') }, []],
    ['that is no expression', { path: 'Patient', ...constraint('name.exists( and') }, []],
    ['that fails', { path: 'Patient', ...constraint('contact.single().exists()') }, []],
    [
      'that would ask another server',
      { path: 'Patient', ...constraint('managingOrganization.resolve().exists()') },
      [],
    ],
    ['that is too large', { path: 'Patient', ...constraint(`false${' and true'.repeat(1_000)}`) }, []],
    [
      'that the type has anyway',
      { path: 'Patient', ...constraint('false', { source: 'http://hl7.org/fhir/StructureDefinition/DomainResource' }) },
      [],
    ],
    [
      'of the profile itself, with a source',
      { path: 'Patient', ...constraint('false', { source: urlOf('p') }) },
      ['Patient breaks x-1: must be so'],
    ],
  ])('%s', (_, element, expected) => {
    const resource = patient({
      contact: [{ name: { family: 'Winter' }, period: { start: '2020-01-01' } }, { name: { family: 'Sommer' } }],
    });
    expect(wrong(resource, element)).toEqual(expected);
  });

  it('that takes too long does not hold up the server, and is not tried again at once', () => {
    const slow = definition('slow', 'Patient', [
      { path: 'Patient', ...constraint("'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!'.matches('^(a+)+$')") },
    ]);
    const profile = compiled(slow);
    const check = () => {
      const question = { resource: patient(), profiles: [profile], find: () => undefined, tellsContent: true };
      const started = performance.now();
      const verdict = r4.profiles.check(question);
      return { verdict, took: performance.now() - started };
    };
    // On a busy machine some tries are cut off before the processor has worked on them for long.
    const tries = Array.from({ length: 40 }, () => undefined);
    expect(tries.some(() => isDeepStrictEqual(check().verdict, { ranOut: 'itself' }))).toBe(true);
    const again = Array.from({ length: 5 }, check);
    expect(again.map(({ verdict }) => verdict)).toContainEqual({ ranOut: 'resting' });
    expect(Math.min(...again.map(({ took }) => took))).toBeLessThan(100);
    expect(wrong(patient(), { path: 'Patient', min: 1 })).toEqual([]);
  });
});

describe('a required binding', () => {
  const bound = (path: string, valueSet: string, strength = 'required') => ({ path, binding: { strength, valueSet } });
  const gender = 'http://hl7.org/fhir/ValueSet/administrative-gender';
  const unknown =
    'Patient.maritalStatus must have a code from the value set http://hl7.org/fhir/ValueSet/administrative-gender|4.0.1';

  it.each<[string, JsonObject, JsonObject, string[]]>([
    [
      'of a concept is met by one of its codings',
      patient({
        maritalStatus: {
          coding: [{ code: 'x' }, { system: 'http://hl7.org/fhir/administrative-gender', code: 'male' }],
        },
      }),
      bound('Patient.maritalStatus', `${gender}|4.0.1`),
      [],
    ],
    [
      'of a concept',
      patient({ maritalStatus: { coding: [{ system: 'http://hl7.org/fhir/administrative-gender', code: 'x' }] } }),
      bound('Patient.maritalStatus', `${gender}|4.0.1`),
      [unknown],
    ],
    [
      'is not met by a text',
      patient({ maritalStatus: { text: 'x' } }),
      bound('Patient.maritalStatus', `${gender}|4.0.1`),
      [unknown],
    ],
    [
      'is not asked of a concept that says why there is no code',
      patient({ maritalStatus: { extension: [{ url: 'u', valueCode: 'x' }] } }),
      bound('Patient.maritalStatus', gender),
      [],
    ],
    [
      'of a code',
      patient({ language: 'xy' }),
      bound('Patient.language', gender),
      [`Patient.language must have a code from the value set ${gender}`],
    ],
    ['of a code that is met', patient({ language: 'male' }), bound('Patient.language', gender), []],
    ['that is weaker is not checked', patient({ language: 'xy' }), bound('Patient.language', gender, 'extensible'), []],
    [
      'to codes that are not known is not checked',
      patient({ language: 'xy' }),
      bound('Patient.language', 'http://snomed.example/vs'),
      [],
    ],
    [
      'to an open set of codes is not checked',
      patient({ language: 'xy' }),
      bound('Patient.language', 'http://hl7.org/fhir/ValueSet/mimetypes'),
      [],
    ],
  ])('%s', (_, resource, element, expected) => {
    expect(wrong(resource, element)).toEqual(expected);
  });
});
