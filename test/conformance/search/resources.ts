import type { JsonObject } from '#fhir';

/**
 * The resources that the search cases look for, in the form of the FHIR version with that label. Ids are short, so that
 * a case can be read at a glance.
 */
export const resourcesOf = (label: string): readonly JsonObject[] =>
  resources.map((resource) => ({ ...resource, ...forms[label]?.[resource['resourceType'] as string] }));

/** What other versions write differently, by label and type. */
const forms: Readonly<Record<string, Readonly<Record<string, JsonObject>>>> = {
  R5: { Encounter: { status: 'completed', class: [{ coding: [{ code: 'IMP' }] }] } },
};

const resources: readonly JsonObject[] = [
  {
    resourceType: 'Patient',
    id: 'ana',
    meta: {
      tag: [{ system: 'http://tags.example', code: 'vip' }],
      security: [{ system: 'http://security.example', code: 'R' }],
      profile: ['http://profiles.example/patient|2.0', 'http://profiles.example/person'],
      source: 'http://source.example/a',
    },
    identifier: [
      { system: 'http://h.example/mrn', value: '1' },
      { system: 'http://h.example/pipes', value: 'a|b,c$d\\e' },
    ],
    active: true,
    name: [{ text: 'Dr. Ana', family: 'Ångström', given: ['Ana', 'María  José'], prefix: ['Dr.'] }],
    telecom: [
      { system: 'email', value: 'Ana@Example.org' },
      { system: 'phone', value: '555-1' },
    ],
    gender: 'female',
    birthDate: '1985-03-12',
    deceasedBoolean: false,
    address: [{ city: 'São Paulo', line: ['12 High St'] }],
    managingOrganization: { reference: 'Organization/o1' },
  },
  {
    resourceType: 'Patient',
    id: 'bob',
    meta: { tag: [{ code: 'vip' }], profile: ['http://profiles.example/patient'], source: 'http://source.example/b' },
    identifier: [{ value: '1' }],
    active: false,
    name: [{ family: 'Angst', given: ['Bob'] }],
    gender: 'male',
    birthDate: '1985-03',
    managingOrganization: { reference: 'Organization/o1' },
    generalPractitioner: [{ identifier: { system: 'http://npi.example', value: '77' } }],
  },
  {
    resourceType: 'Patient',
    id: 'cid',
    identifier: [{ system: 'http://h.example/mrn', value: '2' }, { system: 'http://h.example/none' }],
    name: [{ text: "O'Neil, Cid_100%" }, { family: 'Zed' }, { family: 'Abel' }],
    birthDate: '1990',
    deceasedDateTime: '2020-05-01T08:30:00Z',
    maritalStatus: { coding: [{ system: 'http://marital.example', code: 'M' }, { code: 'Married' }], text: 'Married' },
  },
  {
    resourceType: 'Patient',
    id: 'dot',
    gender: 'unknown',
    link: [{ other: { reference: 'Patient/ana' }, type: 'seealso' }],
  },
  {
    resourceType: 'Observation',
    id: 'o1',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8480-6' }] },
    subject: { reference: 'Patient/ana' },
    effectiveDateTime: '2024-03-01T10:00:00+02:00',
    performer: [{ reference: 'Practitioner/x' }, { reference: 'Practitioner/y' }],
  },
  {
    resourceType: 'Observation',
    id: 'o2',
    status: 'final',
    code: { coding: [{ system: 'http://other.example', code: '8480-6' }] },
    subject: { reference: 'https://quay.example.org/fhir/R4/Patient/ana' },
    effectivePeriod: { start: '2024-02-28', end: '2024-03-02' },
    performer: [{ reference: 'Practitioner/y' }],
  },
  {
    resourceType: 'Observation',
    id: 'o3',
    status: 'preliminary',
    code: { text: 'only text' },
    subject: { reference: 'Patient/bob/_history/1' },
    effectivePeriod: { start: '2024-03-01' },
  },
  {
    resourceType: 'Observation',
    id: 'o4',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8462-4' }] },
    subject: { reference: 'https://elsewhere.example/fhir/Patient/ana' },
  },
  {
    resourceType: 'Observation',
    id: 'o5',
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: '8462-4' }] },
    subject: { reference: 'Group/ana' },
    effectiveTiming: { event: ['2024-01-10', '2024-06-20'] },
  },
  {
    resourceType: 'Encounter',
    id: 'twoStays',
    status: 'finished',
    class: { code: 'IMP' },
    location: [
      { location: { reference: 'Location/a' }, period: { start: '2024-01-01', end: '2024-01-05' } },
      { location: { reference: 'Location/b' }, period: { start: '2024-06-01', end: '2024-06-02' } },
    ],
  },
  {
    resourceType: 'Encounter',
    id: 'oneStay',
    status: 'finished',
    class: { code: 'IMP' },
    location: [{ location: { reference: 'Location/a' }, period: { start: '2024-03-03', end: '2024-03-03' } }],
  },
  {
    resourceType: 'Questionnaire',
    id: 'q1',
    url: 'http://forms.example/intake',
    version: '2',
    status: 'active',
    title: 'Intake',
    date: '2023',
  },
  {
    resourceType: 'QuestionnaireResponse',
    id: 'r1',
    status: 'completed',
    questionnaire: 'http://forms.example/intake|2',
    authored: '2024-02-29T23:59:59.999Z',
  },
  {
    resourceType: 'QuestionnaireResponse',
    id: 'r2',
    status: 'completed',
    questionnaire: 'http://forms.example/intake',
    authored: '2024-03-01T00:00:00Z',
  },
  { resourceType: 'ValueSet', id: 'v1', url: 'http://sets.example/a/b', version: 'V1.0a', status: 'active' },
  { resourceType: 'ValueSet', id: 'v2', url: 'http://sets.example/a', version: '2', status: 'draft' },
  {
    resourceType: 'ValueSet',
    id: 'v3',
    url: 'urn:oid:1.2.3',
    status: 'draft',
    description: `${'long '.repeat(80)}Ending`,
  },
];
