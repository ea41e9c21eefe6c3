import type { RestCase } from './rest-case.js';

const patient = { resourceType: 'Patient', id: '{{unique}}', name: [{ family: 'Operated' }] };

export const operationCases: readonly RestCase[] = [
  {
    title: '$validate tells what is wrong, and stores nothing',
    spec: 'https://hl7.org/fhir/R4/resource-operation-validate.html',
    steps: [
      {
        send: 'POST Patient/$validate',
        body: { ...patient, gender: 'unsaid' },
        status: 200,
        answer: {
          resourceType: 'OperationOutcome',
          issue: [{ severity: 'error', expression: ['Patient.gender'] }],
        },
      },
      {
        send: 'POST Patient/$validate',
        body: { resourceType: 'Parameters', parameter: [{ name: 'resource', resource: patient }] },
        status: 200,
        answer: { resourceType: 'OperationOutcome' },
      },
      { send: 'GET Patient/{{unique}}', status: 404 },
    ],
  },
  {
    title: '$everything of a patient brings the compartment and what it refers to',
    spec: 'https://hl7.org/fhir/R4/patient-operation-everything.html',
    steps: [
      {
        send: 'PUT Practitioner/{{unique}}-p',
        body: { resourceType: 'Practitioner', id: '{{unique}}-p', active: true },
        status: 201,
      },
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      {
        send: 'PUT Observation/{{unique}}-o',
        body: {
          resourceType: 'Observation',
          id: '{{unique}}-o',
          status: 'final',
          code: { text: 'x' },
          subject: { reference: 'Patient/{{unique}}' },
          performer: [{ reference: 'Practitioner/{{unique}}-p' }],
        },
        status: 201,
      },
      {
        send: 'GET Patient/{{unique}}/$everything',
        status: 200,
        answer: { resourceType: 'Bundle', type: 'searchset' },
        ids: ['{{unique}}', '{{unique}}-o', '{{unique}}-p'],
      },
      { send: 'GET Patient/{{unique}}/$everything?_type=Observation', status: 200, ids: ['{{unique}}-o'] },
      { send: 'GET Patient/{{unique}}-none/$everything', status: 404 },
    ],
  },
  {
    title: '$meta shows, $meta-add adds and $meta-delete removes profiles, tags and labels',
    spec: 'https://hl7.org/fhir/R4/resource-operation-meta-add.html',
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      {
        send: 'POST Patient/{{unique}}/$meta-add',
        body: {
          resourceType: 'Parameters',
          parameter: [{ name: 'meta', valueMeta: { tag: [{ system: 'urn:tag', code: '{{unique}}' }] } }],
        },
        status: 200,
        answer: {
          parameter: [{ name: 'return', valueMeta: { tag: [{ system: 'urn:tag', code: '{{unique}}' }] } }],
        },
      },
      { send: 'GET Patient?_tag=urn:tag|{{unique}}', status: 200, ids: ['{{unique}}'] },
      {
        send: 'GET Patient/{{unique}}/$meta',
        status: 200,
        answer: {
          resourceType: 'Parameters',
          parameter: [{ name: 'return', valueMeta: { tag: [{ code: '{{unique}}' }] } }],
        },
      },
      {
        send: 'POST Patient/{{unique}}/$meta-delete',
        body: {
          resourceType: 'Parameters',
          parameter: [{ name: 'meta', valueMeta: { tag: [{ system: 'urn:tag', code: '{{unique}}' }] } }],
        },
        status: 200,
      },
      { send: 'GET Patient?_tag=urn:tag|{{unique}}', status: 200, ids: [] },
    ],
  },
  {
    title: 'a Binary is stored as it was sent and comes back so, or as a resource',
    spec: 'https://hl7.org/fhir/R4/binary.html#rest',
    steps: [
      {
        send: 'POST Binary',
        type: 'text/plain',
        body: 'raw bytes',
        status: 201,
        answerHeaders: { location: '/^{{base}}Binary/' },
        save: { id: 'body.id' },
      },
      {
        send: 'GET Binary/{{id}}',
        headers: { accept: 'text/plain' },
        status: 200,
        answerText: 'raw bytes',
        answerHeaders: { 'content-type': '/^text/plain/', 'x-content-type-options': 'nosniff' },
      },
      {
        send: 'GET Binary/{{id}}',
        headers: { accept: 'application/fhir+json' },
        status: 200,
        answer: { resourceType: 'Binary', contentType: 'text/plain', data: 'cmF3IGJ5dGVz' },
      },
    ],
  },
  {
    title: 'the definitions of the version can be read and searched',
    spec: 'https://hl7.org/fhir/R4/structuredefinition.html',
    steps: [
      {
        send: 'GET StructureDefinition/Patient',
        status: 200,
        answer: { resourceType: 'StructureDefinition', url: 'http://hl7.org/fhir/StructureDefinition/Patient' },
      },
      {
        send: 'GET StructureDefinition?url=http://hl7.org/fhir/StructureDefinition/Patient',
        status: 200,
        ids: ['Patient'],
      },
      { send: 'GET SearchParameter?code=birthdate&base=Patient', status: 200, answer: { resourceType: 'Bundle' } },
    ],
  },
];
