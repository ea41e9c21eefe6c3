import { readDefinitions, versionFolders } from '../definitions/definition-folders.js';
import type { JsonObject } from '../json/json-value.js';
import { fhirVersion } from '../versions/registry.js';
import { parameterKey } from './parameter-key.js';
import { assertDistinctKeys } from './search-parameter.js';

const r4 = fhirVersion('R4');

function evaluate(resource: JsonObject, code: string) {
  const parameter = r4.searchParameters(resource.resourceType as string).get(code);
  if (!parameter) throw new Error(`no parameter ${code}`);
  return parameter.evaluate(resource);
}

describe('a search parameter finds its values with their FHIR types', () => {
  it.each<[string, JsonObject, string, unknown[]]>([
    [
      'through lists',
      { resourceType: 'Patient', name: [{ given: ['a', 'b'] }, { given: ['c'] }, {}] },
      'given',
      [
        { type: 'string', value: 'a' },
        { type: 'string', value: 'b' },
        { type: 'string', value: 'c' },
      ],
    ],
    [
      'skipping the nulls of primitive lists',
      { resourceType: 'Patient', name: [{ given: [null, 'b'] }] },
      'given',
      [{ type: 'string', value: 'b' }],
    ],
    [
      'of whole elements',
      { resourceType: 'Patient', identifier: [{ value: '1' }] },
      'identifier',
      [{ type: 'Identifier', value: { value: '1' } }],
    ],
    ['of codes', { resourceType: 'Patient', gender: 'male' }, 'gender', [{ type: 'code', value: 'male' }]],
    [
      'only where a condition holds',
      {
        resourceType: 'Patient',
        telecom: [
          { system: 'phone', value: '1' },
          { system: 'email', value: 'e' },
        ],
      },
      'email',
      [{ type: 'ContactPoint', value: { system: 'email', value: 'e' } }],
    ],
    [
      'in the form of a choice that is there',
      { resourceType: 'Observation', effectivePeriod: { start: '2020' } },
      'date',
      [{ type: 'Period', value: { start: '2020' } }],
    ],
    [
      'in one form of a choice only',
      { resourceType: 'Condition', onsetAge: { value: 3 }, onsetDateTime: '2020' },
      'onset-date',
      [{ type: 'dateTime', value: '2020' }],
    ],
    [
      'from all branches of the expression',
      { resourceType: 'Observation', code: { text: 'a' }, component: [{ code: { text: 'b' } }] },
      'combo-code',
      [
        { type: 'CodeableConcept', value: { text: 'a' } },
        { type: 'CodeableConcept', value: { text: 'b' } },
      ],
    ],
    [
      'in references of one type',
      { resourceType: 'Observation', subject: { reference: 'Patient/1' } },
      'patient',
      [{ type: 'Reference', value: { reference: 'Patient/1' } }],
    ],
    [
      'in absolute and versioned references',
      { resourceType: 'Observation', subject: { reference: 'https://a.example/fhir/Patient/1/_history/2' } },
      'patient',
      [{ type: 'Reference', value: { reference: 'https://a.example/fhir/Patient/1/_history/2' } }],
    ],
    [
      'in references that state their type',
      { resourceType: 'Observation', subject: { type: 'Patient', identifier: { value: '1' } } },
      'patient',
      [{ type: 'Reference', value: { type: 'Patient', identifier: { value: '1' } } }],
    ],
    [
      'not in references of another type',
      { resourceType: 'Observation', subject: { reference: 'Group/Patient' } },
      'patient',
      [],
    ],
    [
      'in an extension, as its value',
      {
        resourceType: 'DiagnosticReport',
        extension: [
          { url: 'x', valueString: 'no' },
          {
            url: 'http://hl7.org/fhir/StructureDefinition/DiagnosticReport-geneticsAssessedCondition',
            valueReference: { reference: 'Condition/1' },
          },
        ],
      },
      'assessed-condition',
      [{ type: 'Reference', value: { reference: 'Condition/1' } }],
    ],
    [
      'in the first entry of a Bundle',
      {
        resourceType: 'Bundle',
        entry: [{ resource: { resourceType: 'Composition', id: 'c' } }, { resource: { resourceType: 'Patient' } }],
      },
      'composition',
      [{ type: 'Composition', value: { resourceType: 'Composition', id: 'c' } }],
    ],
    ['for all types: _id', { resourceType: 'Patient', id: 'p' }, '_id', [{ type: 'id', value: 'p' }]],
    [
      'for all types: _tag',
      { resourceType: 'Patient', meta: { tag: [{ code: 't' }] } },
      '_tag',
      [{ type: 'Coding', value: { code: 't' } }],
    ],
    [
      'for all types: _profile',
      { resourceType: 'Patient', meta: { profile: ['p'] } },
      '_profile',
      [{ type: 'canonical', value: 'p' }],
    ],
    [
      'for all types: _lastUpdated',
      { resourceType: 'Patient', meta: { lastUpdated: '2020-01-01T00:00:00Z' } },
      '_lastUpdated',
      [{ type: 'instant', value: '2020-01-01T00:00:00Z' }],
    ],
    ['nowhere when they have no expression', { resourceType: 'Patient', id: 'p' }, '_text', []],
    ['of a living patient', { resourceType: 'Patient' }, 'deceased', [{ type: 'boolean', value: false }]],
    [
      'of a patient who is not dead',
      { resourceType: 'Patient', deceasedBoolean: false },
      'deceased',
      [{ type: 'boolean', value: false }],
    ],
    [
      'of a patient who is dead',
      { resourceType: 'Patient', deceasedBoolean: true },
      'deceased',
      [{ type: 'boolean', value: true }],
    ],
    [
      'of a patient who died on a day',
      { resourceType: 'Patient', deceasedDateTime: '2020' },
      'deceased',
      [{ type: 'boolean', value: true }],
    ],
    [
      'of a relative expression',
      { resourceType: 'InsurancePlan', name: 'n', alias: ['a'] },
      'name',
      [
        { type: 'string', value: 'n' },
        { type: 'string', value: 'a' },
      ],
    ],
    [
      'of the platform: the type of a profile',
      { resourceType: 'ProjectMembership', profile: { reference: 'Practitioner/1' } },
      'profile-type',
      [{ type: 'string', value: 'Practitioner' }],
    ],
    [
      'of the platform: all policies of a membership',
      {
        resourceType: 'ProjectMembership',
        accessPolicy: { reference: 'AccessPolicy/1' },
        access: [{ policy: { reference: 'AccessPolicy/2' } }],
      },
      'access-policy',
      [
        { type: 'Reference', value: { reference: 'AccessPolicy/1' } },
        { type: 'Reference', value: { reference: 'AccessPolicy/2' } },
      ],
    ],
    ['of the platform, for all types: _id', { resourceType: 'User', id: 'u' }, '_id', [{ type: 'id', value: 'u' }]],
  ])('%s', (_, resource, code, expected) => {
    expect(evaluate(resource, code)).toEqual(expected);
  });

  it('says what it is', () => {
    const parameter = r4.searchParameters('Observation').get('subject');
    expect(parameter).toMatchObject({
      code: 'subject',
      type: 'reference',
      url: 'http://hl7.org/fhir/SearchParameter/Observation-subject',
      targets: expect.arrayContaining(['Patient', 'Device']),
      key: parameterKey('Observation', 'subject'),
    });
    expect(r4.searchParameters('Observation').get('status')?.targets).toEqual([]);
  });

  it('does not belong to types without it, nor to unknown types', () => {
    expect(r4.searchParameters('Patient').has('combo-code')).toBe(false);
    expect(r4.searchParameters('Nothing').size).toBe(0);
    expect(r4.searchParameters('constructor').size).toBe(0);
  });

  it('evaluates a resource of any shape without throwing', () => {
    const odd: JsonObject = {
      resourceType: 'Patient',
      name: 'x',
      telecom: [null, 1, []],
      link: [{ other: 'x' }],
      extension: {},
    };
    for (const parameter of r4.searchParameters('Patient').values())
      expect(() => parameter.evaluate(odd)).not.toThrow();
  });
});

describe('the key of a search parameter', () => {
  it('is stored in tenant databases, so it never changes', () => {
    expect(parameterKey('Patient', 'name')).toBe(1_655_684_101);
    expect(parameterKey('Observation', 'value-quantity')).toBe(1_615_095_366);
  });

  it('is a 32-bit signed integer', () => {
    for (const { key } of r4.searchParameters('Observation').values()) expect(key).toBe(key | 0);
  });

  it('is distinct within and between all versions', () => {
    const all = versionFolders().map(({ folder }) => readDefinitions(folder));
    const types = [...new Set(all.flatMap((version) => [...version.resourceTypes, ...version.platformTypes]))];
    expect(() =>
      assertDistinctKeys(
        all.flatMap((version) => version.searchParameters),
        types,
      ),
    ).not.toThrow();
  });

  it('that two parameters share is refused when a version is loaded', () => {
    // X|a43zx and X|abpad have one FNV-1a hash.
    const parameters = ['a43zx', 'abpad'].map((code) => ({ url: code, code, type: 'token' as const, base: ['X'] }));
    expect(() => assertDistinctKeys(parameters, ['X'])).toThrow('have the same key');
  });
});

describe.each(versionFolders().map(({ description }) => description))('in FHIR $label', ({ id }) => {
  const version = fhirVersion(id);
  const parameter = (type: string, code: string) => version.searchParameters(type).get(code);

  it('the resources in a Bundle are found by type, and are no references', () => {
    const bundle = (resourceType: string): JsonObject => ({
      resourceType: 'Bundle',
      entry: [{ resource: { resourceType, id: 'x' } }, { resource: { resourceType: 'Composition', id: 'y' } }],
    });
    const composition = parameter('Bundle', 'composition');
    expect(composition?.embeds).toBe(true);
    expect(composition?.targets).toEqual(['Composition']);
    expect(composition?.evaluate(bundle('Composition')).map(({ type }) => type)).toEqual(['Composition']);
    expect(composition?.evaluate(bundle('MessageHeader'))).toEqual([]);
    expect(parameter('Bundle', 'message')?.evaluate(bundle('MessageHeader'))).toHaveLength(1);
    const embedding = version.resourceTypes.flatMap((type) =>
      [...version.searchParameters(type).values()].filter(({ embeds }) => embeds).map(({ code }) => `${type}.${code}`),
    );
    expect(embedding).toEqual(['Bundle.composition', 'Bundle.message']);
  });

  it('a code implies the systems of its list, unless some of its values are of an open one', () => {
    expect(parameter('Patient', 'gender')?.impliedSystems).toEqual(
      new Set(['http://hl7.org/fhir/administrative-gender']),
    );
    expect(parameter('Patient', 'language')?.impliedSystems).toBeUndefined();
    expect(parameter('Patient', 'identifier')?.impliedSystems).toBeUndefined();
    expect(parameter('DocumentReference', 'contenttype')?.impliedSystems).toBeUndefined();
  });
});
