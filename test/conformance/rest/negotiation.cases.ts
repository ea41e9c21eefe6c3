import type { RestCase } from './rest-case.js';

const types = 'https://hl7.org/fhir/R4/http.html#mime-type';
const patient = { resourceType: 'Patient', id: '{{unique}}' };

export const negotiationCases: readonly RestCase[] = [
  {
    title: 'JSON under each of its names is answered as FHIR JSON',
    spec: types,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      ...[
        'application/fhir+json',
        'application/json',
        'text/json',
        '*/*',
        'application/xml, application/json;q=0.5',
      ].map((accept) => ({
        send: 'GET Patient/{{unique}}',
        headers: { accept },
        status: 200,
        answerHeaders: { 'content-type': '/^application/fhir\\+json/' },
      })),
      { send: 'GET Patient/{{unique}}?_format=json', headers: { accept: 'text/html' }, status: 200 },
      { send: 'GET Patient?_id={{unique}}&_format=application/fhir%2Bjson', status: 200, ids: ['{{unique}}'] },
    ],
  },
  {
    title: 'XML and Turtle are not acceptable',
    spec: types,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      ...['application/fhir+xml', 'text/turtle'].map((accept) => ({
        send: 'GET Patient/{{unique}}',
        headers: { accept },
        status: 406,
        answer: { resourceType: 'OperationOutcome' },
      })),
      { send: 'GET Patient/{{unique}}?_format=xml', status: 406, answer: { resourceType: 'OperationOutcome' } },
      { send: 'GET metadata?_format=xml', status: 406 },
    ],
  },
  {
    title: 'a body of another type is not supported',
    spec: types,
    steps: [
      { send: 'POST Patient', type: 'application/fhir+xml', body: '<Patient/>', status: 415 },
      { send: 'POST Patient', type: 'text/plain', body: '{"resourceType":"Patient"}', status: 415 },
      { send: 'POST Patient', type: 'application/json; charset=utf-8', body: { resourceType: 'Patient' }, status: 201 },
    ],
  },
  {
    title: 'the capability statement says what the project can do, in its own version',
    spec: 'https://hl7.org/fhir/R4/http.html#capabilities',
    steps: [
      {
        send: 'GET metadata',
        status: 200,
        answer: { resourceType: 'CapabilityStatement', kind: 'instance', rest: [{ mode: 'server' }] },
      },
    ],
  },
];
