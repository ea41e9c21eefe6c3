import type { RestCase } from './rest-case.js';

const http = 'https://hl7.org/fhir/R4/http.html';
const patient = { resourceType: 'Patient', id: '{{unique}}', active: true };

export const resourceCases: readonly RestCase[] = [
  {
    title: 'a create answers with the new resource, its address and its version',
    spec: `${http}#create`,
    steps: [
      {
        send: 'POST Patient',
        body: { resourceType: 'Patient', id: 'chosen', active: true },
        status: 201,
        answer: { resourceType: 'Patient', active: true },
        answerHeaders: {
          location: '/^{{base}}Patient/[0-9a-f-]{36}/_history/\\d+$/',
          etag: '/^W/"\\d+"$/',
          'last-modified': '/ GMT$/',
        },
        save: { id: 'body.id', version: 'body.meta.versionId' },
      },
      { send: 'GET Patient/{{id}}', status: 200, answer: { id: '{{id}}', meta: { versionId: '{{version}}' } } },
      { send: 'GET Patient/{{id}}', headers: { 'if-none-match': 'W/"{{version}}"' }, status: 304 },
      { send: 'GET Patient/chosen', status: 404, issue: { code: 'not-found' } },
    ],
  },
  {
    title: 'numbers, the order of members and texts come back as they were sent',
    spec: 'https://hl7.org/fhir/R4/datatypes.html#decimal',
    steps: [
      {
        send: 'PUT Observation/{{unique}}',
        body: '{ "resourceType": "Observation", "id": "{{unique}}", "valueQuantity": { "unit": " a  b ", "value": 1.00 }, "status": "final", "code": { "text": "x" } }',
        status: 201,
        save: { version: 'body.meta.versionId', at: 'body.meta.lastUpdated' },
      },
      {
        send: 'GET Observation/{{unique}}',
        status: 200,
        answerText:
          '{"resourceType":"Observation","id":"{{unique}}","meta":{"versionId":"{{version}}","lastUpdated":"{{at}}"},"valueQuantity":{"unit":" a  b ","value":1.00},"status":"final","code":{"text":"x"}}',
      },
    ],
  },
  {
    title: 'HEAD answers as GET, without the body',
    spec: `${http}#head`,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201, save: { etag: 'header.etag' } },
      { send: 'HEAD Patient/{{unique}}', status: 200, answerHeaders: { etag: '{{etag}}' }, answerText: '' },
      { send: 'HEAD Patient/{{unique}}-none', status: 404, answerText: '' },
      { send: 'HEAD Patient?_id={{unique}}', status: 200, answerText: '' },
      { send: 'HEAD metadata', status: 200, answerText: '' },
    ],
  },
  {
    title: 'each version can be read for itself, and a version of another form is unknown',
    spec: `${http}#vread`,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201, save: { first: 'body.meta.versionId' } },
      { send: 'PUT Patient/{{unique}}', body: { ...patient, active: false }, status: 200, answer: { active: false } },
      { send: 'GET Patient/{{unique}}/_history/{{first}}', status: 200, answer: { active: true } },
      { send: 'GET Patient/{{unique}}/_history/first', status: 404 },
      { send: 'GET Patient/{{unique}}/_history/999999999', status: 404 },
    ],
  },
  {
    title: 'an update needs the id of its address',
    spec: `${http}#update`,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: { resourceType: 'Patient' }, status: 400 },
      { send: 'PUT Patient/{{unique}}', body: { ...patient, id: 'another' }, status: 400 },
      { send: 'PUT Patient/{{unique}}', body: { resourceType: 'Basic', id: '{{unique}}' }, status: 400 },
      { send: 'GET Patient/{{unique}}', status: 404 },
    ],
  },
  {
    title: 'an update without a change makes no version',
    spec: `${http}#update`,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201, save: { etag: 'header.etag' } },
      { send: 'PUT Patient/{{unique}}', body: patient, status: 200, answerHeaders: { etag: '{{etag}}' } },
    ],
  },
  {
    title: 'a deleted resource is gone, stays in its history, and can be brought back',
    spec: `${http}#delete`,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201, save: { first: 'body.meta.versionId' } },
      { send: 'DELETE Patient/{{unique}}', status: 200 },
      { send: 'GET Patient/{{unique}}', status: 410, issue: { code: 'deleted' } },
      { send: 'GET Patient?_id={{unique}}', status: 200, ids: [] },
      { send: 'GET Patient/{{unique}}/_history/{{first}}', status: 200, answer: { active: true } },
      { send: 'DELETE Patient/{{unique}}', status: 200 },
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      { send: 'GET Patient/{{unique}}', status: 200 },
      { send: 'DELETE Patient/{{unique}}-none', status: 404 },
    ],
  },
  {
    title: 'what is wrong with a resource is named by its path',
    spec: `${http}#2.21.0.10`,
    steps: [
      {
        send: 'POST Patient',
        body: { resourceType: 'Patient', name: [{ family: 'A' }, { given: 'B' }] },
        status: 400,
        issue: { expression: 'Patient.name[1].given' },
      },
      {
        send: 'POST Patient',
        body: { resourceType: 'Patient', gender: 'unsaid' },
        status: 400,
        issue: { expression: 'Patient.gender' },
      },
      {
        send: 'POST Patient',
        body: { resourceType: 'Patient', contact: [{ gender: 'male' }] },
        status: 400,
        issue: { code: 'invariant', expression: 'Patient.contact[0]' },
      },
      {
        send: 'POST Observation',
        body: { resourceType: 'Observation', status: 'final' },
        status: 400,
        issue: { expression: 'Observation.code' },
      },
    ],
  },
  {
    title: 'a client chooses what a write answers with',
    spec: `${http}#ops`,
    steps: [
      {
        send: 'POST Patient',
        body: { resourceType: 'Patient' },
        headers: { prefer: 'return=minimal' },
        status: 201,
        answerText: '',
      },
      {
        send: 'PUT Patient/{{unique}}',
        body: patient,
        headers: { prefer: 'return=OperationOutcome' },
        status: 201,
        answer: { resourceType: 'OperationOutcome' },
        answerHeaders: { etag: '/^W/"\\d+"$/' },
      },
      {
        send: 'PUT Patient/{{unique}}',
        body: { ...patient, active: false },
        headers: { prefer: 'return=representation' },
        status: 200,
        answer: { active: false },
      },
    ],
  },
  {
    title: 'a search by POST finds what the search by GET finds',
    spec: 'https://hl7.org/fhir/R4/search.html#Introduction',
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      { send: 'GET Patient?_id={{unique}}&active=true', status: 200, ids: ['{{unique}}'] },
      {
        send: 'POST Patient/_search?active=true',
        body: '_id={{unique}}',
        type: 'application/x-www-form-urlencoded',
        status: 200,
        ids: ['{{unique}}'],
        answer: {
          resourceType: 'Bundle',
          type: 'searchset',
          entry: [{ fullUrl: '{{base}}Patient/{{unique}}', search: { mode: 'match' } }],
        },
      },
      { send: 'POST Patient/_search', body: 'shoe=1', type: 'application/x-www-form-urlencoded', status: 400 },
    ],
  },
  {
    title: 'a slash behind a type or an id means nothing',
    spec: `${http}#3.1.0.7.1`,
    steps: [
      { send: 'PUT Patient/{{unique}}/', body: patient, status: 201 },
      { send: 'GET Patient/{{unique}}/', status: 200, answer: { id: '{{unique}}' } },
      { send: 'GET Patient/?_id={{unique}}', status: 200, ids: ['{{unique}}'] },
      { send: 'PUT Patient/?_id={{unique}}', body: { ...patient, active: false }, status: 200 },
      { send: 'POST Patient/', body: { resourceType: 'Patient' }, status: 201 },
      { send: 'DELETE Patient/?_id={{unique}}', status: 200 },
      { send: 'GET Patient/{{unique}}', status: 410 },
      { send: 'GET Patient//', status: 404 },
    ],
  },
  {
    title: 'what never was cannot be deleted',
    spec: `${http}#delete`,
    steps: [{ send: 'DELETE Patient/{{unique}}-nobody', status: 404, issue: { code: 'not-found' } }],
  },
  {
    title: 'a body that is compressed is refused',
    spec: 'https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3',
    steps: [
      {
        send: 'POST Patient',
        headers: { 'content-encoding': 'gzip' },
        body: { resourceType: 'Patient' },
        status: 415,
        answerHeaders: { 'accept-encoding': 'identity' },
        issue: { code: 'not-supported' },
      },
      {
        send: 'POST Patient',
        headers: { 'content-encoding': 'identity' },
        body: { resourceType: 'Patient' },
        status: 201,
      },
    ],
  },
  {
    title: 'methods that an address does not have are refused, and unknown addresses are not found',
    spec: `${http}#2.21.0.5`,
    steps: [
      { send: 'PUT Patient', body: patient, status: 412 },
      { send: 'POST Patient/{{unique}}', body: patient, status: 405, answerHeaders: { allow: '/GET/' } },
      { send: 'GET Patienten', status: 404, issue: { code: 'not-found' } },
      { send: 'GET Patient/{{unique}}/nothing', status: 404 },
      { send: 'GET Patient/{{unique}}/$nothing', status: 404 },
    ],
  },
];
