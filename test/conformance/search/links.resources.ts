import type { JsonObject } from '#fhir';

/**
 * A small clinic whose resources refer to one another: the data of the cases about chains, includes and compartments.
 * Elements are chosen that all FHIR versions have in the same form.
 */
export const clinic = (version: string): readonly JsonObject[] => [
  {
    resourceType: 'Organization',
    id: 'parent',
    name: 'Harbour Group',
    identifier: [{ system: 'http://o.example', value: 'HG' }],
  },
  {
    resourceType: 'Organization',
    id: 'quay',
    name: 'Quay Clinic',
    active: true,
    partOf: { reference: 'Organization/parent' },
  },
  { resourceType: 'Organization', id: 'dune', name: 'Dune Clinic', active: false },
  { resourceType: 'Practitioner', id: 'kim', name: [{ family: 'Kim' }] },
  { resourceType: 'Practitioner', id: 'lee', name: [{ family: 'Lee' }] },
  {
    resourceType: 'Patient',
    id: 'ana',
    active: true,
    name: [{ family: 'Berg', given: ['Ana'] }],
    identifier: [{ system: 'http://mrn.example', value: '1' }],
    birthDate: '1985-03-12',
    managingOrganization: { reference: 'Organization/quay' },
    generalPractitioner: [{ reference: 'Practitioner/kim' }],
  },
  {
    resourceType: 'Patient',
    id: 'bob',
    active: false,
    name: [{ family: 'Berg', given: ['Bob'] }],
    identifier: [{ system: 'http://mrn.example', value: '2' }],
    managingOrganization: { reference: 'Organization/dune' },
    generalPractitioner: [{ reference: 'Practitioner/lee' }, { reference: 'Practitioner/kim' }],
  },
  {
    resourceType: 'Patient',
    id: 'cid',
    name: [{ family: 'Zed' }],
    link: [{ other: { reference: 'Patient/ana' }, type: 'seealso' }],
  },
  { resourceType: 'Device', id: 'ana' },
  {
    resourceType: 'Group',
    id: 'g',
    type: 'person',
    ...(version === 'R5' ? { membership: 'enumerated' } : { actual: true }),
    member: [{ entity: { reference: 'Patient/ana' } }, { entity: { reference: 'Patient/cid' } }],
  },
  {
    resourceType: 'List',
    id: 'g',
    status: 'current',
    mode: 'changes',
    entry: [{ item: { reference: 'Patient/bob' } }, { deleted: true, item: { reference: 'Patient/cid' } }],
  },
  {
    resourceType: 'CareTeam',
    id: 'team',
    subject: { reference: 'Patient/bob' },
    participant: [{ member: { reference: 'Practitioner/lee' } }],
  },
  {
    resourceType: 'Encounter',
    id: 'visit',
    status: 'planned',
    class: version === 'R5' ? [{ coding: [{ code: 'AMB' }] }] : { code: 'AMB' },
    subject: { reference: 'Patient/ana' },
    serviceProvider: { reference: 'Organization/quay' },
  },
  observation('o1', 'Patient/ana', {
    performer: [{ reference: 'Practitioner/kim' }],
    encounter: { reference: 'Encounter/visit' },
    effectiveDateTime: '2024-03-01',
  }),
  observation('o2', 'Patient/ana', { status: 'preliminary', effectiveDateTime: '2024-02-01' }),
  observation('o3', 'Patient/bob', { performer: [{ reference: 'Practitioner/lee' }, { reference: 'Patient/ana' }] }),
  observation('o4', 'Device/ana', {}),
  observation('o5', 'https://elsewhere.example/fhir/Patient/ana', {}),
  observation('o6', 'Patient/gone', {}),
  observation('sum', 'Patient/bob', { hasMember: [{ reference: 'Observation/o3' }, { reference: 'Observation/o1' }] }),
  observation('all', 'Patient/bob', { hasMember: [{ reference: 'Observation/sum' }] }),
  riskAssessment('even', 0.5),
  riskAssessment('unsaid', undefined),
  riskAssessment('high', 0.75),
  riskAssessment('low', 0.05),
  {
    resourceType: 'Provenance',
    id: 'v',
    target: [{ reference: 'Patient/ana' }, { reference: 'Observation/o1' }],
    recorded: '2024-03-02T00:00:00Z',
    ...(version === 'R5' ? { patient: { reference: 'Patient/ana' } } : {}),
    agent: [{ who: { reference: 'Practitioner/kim' } }],
  },
];

function riskAssessment(id: string, probability: number | undefined): JsonObject {
  const prediction = [
    { outcome: { text: 'x' }, ...(probability === undefined ? {} : { probabilityDecimal: probability }) },
  ];
  return { resourceType: 'RiskAssessment', id, status: 'final', subject: { reference: 'Patient/bob' }, prediction };
}

const codes: Record<string, string> = {
  o1: '8480-6',
  o2: '8462-4',
  o3: '8480-6',
  o4: '8480-6',
  o5: '8480-6',
  o6: '8480-6',
};

function observation(id: string, subject: string, more: JsonObject): JsonObject {
  return {
    resourceType: 'Observation',
    id,
    status: 'final',
    code: { coding: [{ system: 'http://loinc.org', code: codes[id] ?? '85354-9' }] },
    subject: { reference: subject },
    ...more,
  };
}
