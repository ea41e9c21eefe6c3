import type { GraphqlCase } from './graphql-case.js';

const page = 'https://hl7.org/fhir/R4/graphql.html';
const instance = 'Patient/example';

/** The examples of the standard's page and what its text promises, on the official example resources. */
export const graphqlCases: readonly GraphqlCase[] = [
  {
    spec: `${page}#fields`,
    instance,
    query: '{ name { text given family } }',
    data: {
      name: [
        { text: null, given: ['Peter', 'James'], family: 'Chalmers' },
        { text: null, given: ['Jim'], family: null },
        { text: null, given: ['Peter', 'James'], family: 'Windsor' },
      ],
    },
  },
  {
    spec: `${page}#fields`,
    instance: 'Observation/example',
    query: '{ valueQuantity { value unit } }',
    data: { valueQuantity: { value: 185, unit: 'lbs' } },
  },
  {
    spec: `${page}#fields`,
    instance,
    query: '{ birthDate _birthDate { extension { valueDateTime } } }',
    data: { birthDate: '1974-12-25', _birthDate: { extension: [{ valueDateTime: '1974-12-25T14:35:45-05:00' }] } },
  },
  {
    spec: `${page}#list`,
    instance,
    query: '{ name(fhirpath: "family.exists()") { given family } }',
    data: {
      name: [
        { given: ['Peter', 'James'], family: 'Chalmers' },
        { given: ['Peter', 'James'], family: 'Windsor' },
      ],
    },
  },
  {
    spec: `${page}#list`,
    instance,
    query: '{ name(use: official) { given family } }',
    data: { name: [{ given: ['Peter', 'James'], family: 'Chalmers' }] },
  },
  {
    spec: `${page}#list`,
    instance,
    query: '{ name(_count: 1, _offset: 1) { given } }',
    data: { name: [{ given: ['Jim'] }] },
  },
  {
    spec: `${page}#references`,
    instance: 'Observation/example',
    query: '{ subject { reference, resource { ... on Patient { active } } } }',
    data: { subject: { reference: 'Patient/example', resource: { active: true } } },
  },
  {
    spec: `${page}#references`,
    instance: 'Observation/example',
    query: '{ subject { resource(type: Patient) { birthDate } resource(type: Practitioner) { gender } } }',
    data: { subject: { resource: { birthDate: '1974-12-25' } } },
  },
  {
    spec: `${page}#references`,
    query:
      '{ PatientList(_id: broken) { managingOrganization { resource { id } } generalPractitioner { resource(optional: true) { id } } } }',
    data: { PatientList: [{ managingOrganization: { resource: null }, generalPractitioner: [{ resource: null }] }] },
    errors: 1,
  },
  {
    spec: `${page}#searching`,
    query: '{ Patient(id: example) { id, active } }',
    data: { Patient: { id: 'example', active: true } },
  },
  {
    spec: `${page}#searching`,
    query: '{ ConditionList(clinical_status: active, patient: example) { id, clinicalStatus { coding { code } } } }',
    data: { ConditionList: [{ id: 'example', clinicalStatus: { coding: [{ code: 'active' }] } }] },
  },
  {
    spec: `${page}#searching`,
    query: '{ PatientList(_id: [1, 2, example]) { id } }',
    data: { PatientList: [{ id: 'example' }] },
  },
  {
    spec: `${page}#searching`,
    query: '{ PatientList(_filter: "family sw chal and active eq true") { id } }',
    data: { PatientList: [{ id: 'example' }] },
  },
  {
    spec: `${page}#searching`,
    query: '{ PatientList(fhirpath: "name.exists()") { id } }',
    data: { PatientList: [{ id: 'example' }] },
  },
  {
    spec: `${page}#searching`,
    query: '{ PatientList(colour_of_hair: "red") { id } }',
    data: undefined,
    errors: 1,
  },
  {
    spec: `${page}#searching`,
    query:
      '{ ConditionConnection(patient: example) { count offset pagesize edges { mode, score, resource { id } } previous next last } }',
    data: {
      ConditionConnection: {
        count: 1,
        offset: 0,
        pagesize: 20,
        edges: [{ mode: 'match', score: null, resource: { id: 'example' } }],
        previous: null,
        next: null,
        last: null,
      },
    },
  },
  {
    spec: `${page}#reverse`,
    instance,
    query: '{ name(use: usual) { given } ConditionList(_reference: patient) { id } }',
    data: { name: [{ given: ['Jim'] }], ConditionList: [{ id: 'example' }] },
  },
  {
    spec: `${page}#reverse`,
    instance,
    query: '{ ConditionConnection(_reference: patient) { count edges { resource { ... on Condition { id } } } } }',
    data: { ConditionConnection: { count: 1, edges: [{ resource: { id: 'example' } }] } },
  },
  {
    spec: `${page}#reverse`,
    query: '{ PatientList(_id: example) { ObservationList(_reference: subject, code: "29463-7") { id } } }',
    data: { PatientList: [{ ObservationList: [{ id: 'example' }] }] },
  },
  {
    spec: `${page}#flattening`,
    instance,
    query: '{ identifier @flatten { system value } active name @flatten { text given family } }',
    data: {
      system: ['urn:oid:1.2.36.146.595.217.0.1'],
      value: ['12345'],
      active: true,
      given: ['Peter', 'James', 'Jim', 'Peter', 'James'],
      family: ['Chalmers', 'Windsor'],
    },
  },
  {
    spec: `${page}#flattening`,
    instance,
    query: '{ name @flatten { text given @first family } }',
    data: { given: ['Peter', 'Jim', 'Peter'], family: ['Chalmers', 'Windsor'] },
  },
  {
    spec: `${page}#flattening`,
    instance,
    query:
      '{ identifier @flatten { system @singleton value @singleton } active name @flatten @first { text given family @singleton } }',
    data: {
      system: 'urn:oid:1.2.36.146.595.217.0.1',
      value: '12345',
      active: true,
      given: ['Peter', 'James'],
      family: 'Chalmers',
    },
  },
  {
    spec: `${page}#flattening`,
    instance,
    query: '{ name @flatten @slice(path: "use") { given family @singleton } }',
    data: {
      'given.official': ['Peter', 'James'],
      'family.official': 'Chalmers',
      'given.usual': ['Jim'],
      'given.maiden': ['Peter', 'James'],
      'family.maiden': 'Windsor',
    },
  },
  {
    spec: `${page}#flattening`,
    instance,
    query: '{ name @flatten @slice(path: "$index") { given family @singleton } }',
    data: {
      'given.0': ['Peter', 'James'],
      'family.0': 'Chalmers',
      'given.1': ['Jim'],
      'given.2': ['Peter', 'James'],
      'family.2': 'Windsor',
    },
  },
  {
    spec: `${page}#conformance`,
    query: 'query ($no: Boolean!) { Patient(id: "example") { id @skip(if: $no) active @include(if: $no) birthDate } }',
    variables: { no: false },
    data: { Patient: { id: 'example', birthDate: '1974-12-25' } },
  },
];
