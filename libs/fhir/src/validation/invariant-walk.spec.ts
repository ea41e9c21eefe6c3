import type { JsonObject } from '../json/json-value.js';
import { fhirVersion } from '../versions/registry.js';

const patient = (members: JsonObject): JsonObject => ({ resourceType: 'Patient', ...members });
const observation = (members: JsonObject): JsonObject => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'c' },
  ...members,
});
const condition = (members: JsonObject): JsonObject => ({
  resourceType: 'Condition',
  subject: { display: 'd' },
  ...members,
});
const coded = (system: string, code: string) => ({ coding: [{ system, code }] });
const clinicalStatus = 'http://terminology.hl7.org/CodeSystem/condition-clinical';
const grams = (value: number) => ({ value, system: 'http://unitsofmeasure.org', code: 'g' });
const organization = (id: string) => ({ resourceType: 'Organization', id, name: 'n' });

describe('an invariant that is broken', () => {
  it.each<[string, string, JsonObject, string, string]>([
    ['ele-1', 'R4', patient({ name: [{ id: 'a' }] }), 'Patient.name[0]', 'invariant'],
    ['ele-1', 'R4', patient({ _birthDate: { id: 'a' } }), 'Patient.birthDate', 'invariant'],
    [
      'ele-1',
      'R4',
      patient({ name: [{ given: ['a', null], _given: [null, { id: 'b' }] }] }),
      'Patient.name[0].given[1]',
      'invariant',
    ],
    ['ext-1', 'R4', patient({ extension: [{ url: 'u' }] }), 'Patient.extension[0]', 'invariant'],
    [
      'ext-1',
      'R4',
      patient({ _birthDate: { extension: [{ url: 'u' }] } }),
      'Patient.birthDate.extension[0]',
      'invariant',
    ],
    [
      'pat-1',
      'R4',
      patient({ contact: [{ name: { text: 'n' } }, { gender: 'male' }] }),
      'Patient.contact[1]',
      'invariant',
    ],
    [
      'per-1',
      'R4',
      patient({ name: [{ period: { start: '2021', end: '2020' } }] }),
      'Patient.name[0].period',
      'invariant',
    ],
    [
      'per-1',
      'R5',
      patient({ name: [{ period: { start: '2021', end: '2020' } }] }),
      'Patient.name[0].period',
      'invariant',
    ],
    ['cpt-2', 'R4', patient({ telecom: [{ value: '1' }] }), 'Patient.telecom[0]', 'invariant'],
    ['att-1', 'R4', patient({ photo: [{ data: 'AAAA' }] }), 'Patient.photo[0]', 'invariant'],
    [
      'dom-2',
      'R4',
      patient({
        contained: [{ ...organization('a'), contained: [organization('b')] }],
        managingOrganization: { reference: '#a' },
      }),
      'Patient',
      'invariant',
    ],
    ['dom-3', 'R4', patient({ contained: [organization('a')] }), 'Patient', 'invariant'],
    [
      'dom-4',
      'R4',
      patient({
        contained: [{ ...organization('a'), meta: { versionId: '1' } }],
        managingOrganization: { reference: '#a' },
      }),
      'Patient',
      'invariant',
    ],
    [
      'dom-5',
      'R4',
      patient({
        contained: [{ ...organization('a'), meta: { security: [{ code: 'R' }] } }],
        managingOrganization: { reference: '#a' },
      }),
      'Patient',
      'invariant',
    ],
    [
      'ref-1',
      'R4',
      patient({ managingOrganization: { reference: '#b' } }),
      'Patient.managingOrganization',
      'invariant',
    ],
    [
      'txt-1',
      'R4',
      patient({ text: { status: 'generated', div: '<div><script>1</script></div>' } }),
      'Patient.text.div',
      'invariant',
    ],
    ['txt-2', 'R4', patient({ text: { status: 'generated', div: '<div> </div>' } }), 'Patient.text.div', 'invariant'],
    ['qty-3', 'R4', observation({ valueQuantity: { value: 1, code: 'g' } }), 'Observation.value', 'invariant'],
    ['rng-2', 'R4', observation({ valueRange: { low: grams(2), high: grams(1) } }), 'Observation.value', 'invariant'],
    ['rat-1', 'R4', observation({ valueRatio: { numerator: { value: 2 } } }), 'Observation.value', 'invariant'],
    [
      'obs-3',
      'R4',
      observation({ referenceRange: [{ type: { text: 't' } }] }),
      'Observation.referenceRange[0]',
      'invariant',
    ],
    ['obs-6', 'R4', observation({ valueString: 'v', dataAbsentReason: { text: 't' } }), 'Observation', 'invariant'],
    [
      'obs-7',
      'R4',
      observation({
        code: coded('s', 'c'),
        valueString: 'v',
        component: [{ code: coded('s', 'c'), valueString: 'w' }],
      }),
      'Observation',
      'invariant',
    ],
    [
      'org-2',
      'R4',
      {
        resourceType: 'Organization',
        name: 'n',
        address: [
          { use: 'work', text: 't' },
          { use: 'home', text: 't' },
        ],
      },
      'Organization.address[1]',
      'invariant',
    ],
    [
      'con-5',
      'R4',
      condition({
        clinicalStatus: coded(clinicalStatus, 'active'),
        verificationStatus: coded('http://terminology.hl7.org/CodeSystem/condition-ver-status', 'entered-in-error'),
      }),
      'Condition',
      'invariant',
    ],
    ['bdl-1', 'R4', { resourceType: 'Bundle', type: 'batch', total: 1 }, 'Bundle', 'invariant'],
    [
      'bdl-7',
      'R4',
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: [1, 2].map(() => ({ fullUrl: 'urn:a:b', resource: patient({}) })),
      },
      'Bundle',
      'invariant',
    ],
    [
      'pat-1',
      'R4',
      { resourceType: 'Bundle', type: 'collection', entry: [{ resource: patient({ contact: [{ gender: 'male' }] }) }] },
      'Bundle.entry[0].resource.contact[0]',
      'invariant',
    ],
    [
      'que-2',
      'R4',
      {
        resourceType: 'Questionnaire',
        status: 'draft',
        item: [{ linkId: 'a', type: 'group', item: [{ linkId: 'a', type: 'string' }] }],
      },
      'Questionnaire',
      'invariant',
    ],
    [
      'que-7',
      'R4',
      {
        resourceType: 'Questionnaire',
        status: 'draft',
        item: [{ linkId: 'a', type: 'string', enableWhen: [{ question: 'b', operator: 'exists', answerString: 'x' }] }],
      },
      'Questionnaire.item[0].enableWhen[0]',
      'invariant',
    ],
    [
      'sdf-8',
      'R4',
      {
        resourceType: 'StructureDefinition',
        url: 'u:a',
        name: 'A',
        status: 'draft',
        kind: 'resource',
        abstract: false,
        type: 'Patient',
        baseDefinition: 'u:b',
        derivation: 'constraint',
        snapshot: {
          element: ['Patient', 'Person.name'].map((path) => ({
            id: path,
            path,
            definition: 'd',
            min: 0,
            max: '1',
            base: { path, min: 0, max: '1' },
          })),
        },
      },
      'StructureDefinition.snapshot',
      'invariant',
    ],
    [
      'ref-2',
      'R5',
      patient({ managingOrganization: { type: 'Organization' } }),
      'Patient.managingOrganization',
      'invariant',
    ],
    [
      'value set',
      'R4',
      condition({ clinicalStatus: coded(clinicalStatus, 'unheard-of') }),
      'Condition.clinicalStatus',
      'code-invalid',
    ],
    ['value set', 'R4', condition({ clinicalStatus: { text: 'active' } }), 'Condition.clinicalStatus', 'code-invalid'],
    [
      'value set',
      'R5',
      {
        resourceType: 'DeviceUsage',
        status: 'active',
        patient: { display: 'p' },
        device: { concept: { text: 'd' } },
        usageStatus: coded('http://hl7.org/fhir/deviceusage-status', 'no'),
      },
      'DeviceUsage.usageStatus',
      'code-invalid',
    ],
  ])('%s in %s: %j', (key, label, resource, expression, code) => {
    const issues = fhirVersion(label).validate(resource);
    const found = issues.filter(({ text }) => text.includes(key));
    expect(found).toEqual([
      { severity: 'error', code, text: expect.stringContaining(expression), expression: [expression] },
    ]);
    expect(fhirVersion(label).validate(resource, 'structure')).toEqual([]);
  });

  it('is told in the words of the standard', () => {
    const [issue] = fhirVersion('R4').validate(patient({ contact: [{ gender: 'male' }] }));
    expect(issue?.text).toBe(
      "Patient.contact[0] breaks pat-1: SHALL at least contain a contact's details or a reference to an organization",
    );
  });

  it('is looked for only when the structure is right', () => {
    const issues = fhirVersion('R4').validate(patient({ active: 'x', contact: [{ gender: 'male' }] }));
    expect(issues.map(({ expression }) => expression)).toEqual([['Patient.active']]);
  });

  it('is told at most 20 times', () => {
    expect(
      fhirVersion('R4').validate(patient({ contact: Array.from({ length: 50 }, () => ({ gender: 'male' })) })),
    ).toHaveLength(20);
  });
});

describe('a resource has no issues', () => {
  it.each<[string, string, JsonObject]>([
    [
      'with a contained resource that is referred to',
      'R4',
      patient({ contained: [organization('a')], managingOrganization: { reference: '#a' } }),
    ],
    [
      'with a contained resource that refers to it',
      'R4',
      patient({
        contained: [
          {
            resourceType: 'Appointment',
            id: 'a',
            status: 'proposed',
            participant: [{ actor: { reference: '#' }, status: 'accepted' }],
          },
        ],
      }),
    ],
    [
      'with a contained resource that another contained one refers to',
      'R4',
      patient({
        contained: [organization('a'), { ...organization('b'), partOf: { reference: '#a' } }],
        managingOrganization: { reference: '#b' },
      }),
    ],
    [
      'that refers inside a Bundle entry to its own contained resource',
      'R4',
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: [{ resource: patient({ contained: [organization('a')], managingOrganization: { reference: '#a' } }) }],
      },
    ],
    ['with an open period', 'R4', patient({ name: [{ period: { start: '2021' } }] })],
    [
      'with a period in the precision of its ends',
      'R4',
      patient({ name: [{ period: { start: '2021-05-06', end: '2021' } }] }),
    ],
    [
      'with a period across time zones',
      'R4',
      patient({ name: [{ period: { start: '2021-05-06T02:00:00+04:00', end: '2021-05-05T22:30:00Z' } }] }),
    ],
    [
      'with a code of the value set and one of another system',
      'R4',
      condition({
        clinicalStatus: {
          coding: [
            { system: 's', code: 'c' },
            { system: clinicalStatus, code: 'active' },
          ],
        },
      }),
    ],
    [
      'that says why a code is missing',
      'R4',
      condition({ clinicalStatus: { extension: [{ url: 'u', valueCode: 'unknown' }] } }),
    ],
    [
      'with a range in two units',
      'R5',
      observation({
        valueRange: {
          low: { value: 900, system: 'http://unitsofmeasure.org', code: 'g' },
          high: { value: 1, system: 'http://unitsofmeasure.org', code: 'kg' },
        },
      }),
    ],
    [
      'with an operator that asks for existence',
      'R4',
      {
        resourceType: 'Questionnaire',
        status: 'draft',
        item: [
          { linkId: 'a', type: 'string', enableWhen: [{ question: 'b', operator: 'exists', answerBoolean: true }] },
        ],
      },
    ],
    [
      'whose entries are versions of one resource',
      'R4',
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: ['1', '2'].map((versionId) => ({ fullUrl: 'urn:a:b', resource: patient({ meta: { versionId } }) })),
      },
    ],
  ])('%s (%s)', (_, label, resource) => {
    expect(fhirVersion(label).validate(resource)).toEqual([]);
  });
});

describe('checking invariants', () => {
  it('takes time that grows with the size of the resource only', () => {
    const many = <T>(make: (index: number) => T) => Array.from({ length: 20_000 }, (_, index) => make(index));
    const hostile: JsonObject[] = [
      {
        resourceType: 'Bundle',
        type: 'collection',
        entry: many((i) => ({ fullUrl: `urn:a:${i % 3}`, resource: patient({}) })),
      },
      { resourceType: 'Questionnaire', status: 'draft', item: many((i) => ({ linkId: `${i % 3}`, type: 'string' })) },
      {
        resourceType: 'CodeSystem',
        status: 'draft',
        content: 'complete',
        concept: many((i) => ({ code: `${i % 3}` })),
      },
      {
        resourceType: 'CapabilityStatement',
        document: many((i) => ({ mode: 'producer', profile: `urn:p:${i}` })),
      },
      observation({
        code: { coding: many((i) => ({ code: `${i}` })) },
        valueString: 'v',
        component: many((i) => ({ code: { coding: [{ code: `${i}`, display: 'd' }] }, valueString: 'v' })),
      }),
      patient({
        contained: many((i) => organization(`o${i}`)),
        generalPractitioner: many((i) => ({ reference: `#o${19_999 - i}` })),
      }),
    ];
    // The processor's time, which does not count what others use.
    const before = process.cpuUsage();
    for (const label of ['R4', 'R5']) for (const resource of hostile) fhirVersion(label).validate(resource);
    expect(process.cpuUsage(before).user).toBeLessThan(20_000_000);
  });
});

describe('ranges whose ends have different units', () => {
  const ranges = (count: number, code: (index: number) => string) =>
    patient({
      extension: Array.from({ length: count }, (_, index) => ({
        url: 'u',
        valueRange: { low: { ...grams(1), code: code(index) }, high: grams(2) },
      })),
    });

  it('are not judged where a unit is longer than any that there is', () => {
    const long = Array.from({ length: 20_000 }, () => 'm').join('.');
    expect(fhirVersion('R4').validate(ranges(20, () => long))).toEqual([]);
  });

  it('are refused when there are so many that judging them takes too long', () => {
    const units = Array.from({ length: 40 }, () => 'm').join('.');
    expect(fhirVersion('R4').validate(ranges(100_000, (index) => `${units}${index + 1}`))).toEqual([
      expect.objectContaining({ code: 'too-costly' }),
    ]);
  });
});
