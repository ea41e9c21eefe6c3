import type { RestCase } from './rest-case.js';

const http = 'https://hl7.org/fhir/R4/http.html';
const identifier = [{ system: 'urn:conditional', value: '{{unique}}' }];
const patient = { resourceType: 'Patient', identifier };
const criteria = 'identifier=urn:conditional|{{unique}}';

export const conditionalCases: readonly RestCase[] = [
  {
    title: 'If-Match lets through the update of the version it names, and no other',
    spec: `${http}#concurrency`,
    steps: [
      { send: 'POST Patient', body: patient, status: 201, save: { id: 'body.id', etag: 'header.etag' } },
      {
        send: 'PUT Patient/{{id}}',
        headers: { 'if-match': '{{etag}}' },
        body: { ...patient, id: '{{id}}', active: true },
        status: 200,
      },
      {
        send: 'PUT Patient/{{id}}',
        headers: { 'if-match': '{{etag}}' },
        body: { ...patient, id: '{{id}}', active: false },
        status: 412,
      },
      { send: 'DELETE Patient/{{id}}', headers: { 'if-match': '{{etag}}' }, status: 412 },
      { send: 'GET Patient/{{id}}', status: 200, answer: { active: true } },
    ],
  },
  {
    title: 'a read is answered only when there is something new',
    spec: `${http}#cread`,
    steps: [
      {
        send: 'POST Patient',
        body: patient,
        status: 201,
        save: { id: 'body.id', etag: 'header.etag', modified: 'header.last-modified' },
      },
      { send: 'GET Patient/{{id}}', headers: { 'if-none-match': '{{etag}}' }, status: 304, answerText: '' },
      { send: 'GET Patient/{{id}}', headers: { 'if-none-match': 'W/"1", {{etag}}' }, status: 304 },
      { send: 'GET Patient/{{id}}', headers: { 'if-modified-since': '{{modified}}' }, status: 304 },
      { send: 'GET Patient/{{id}}', headers: { 'if-none-match': 'W/"1"' }, status: 200 },
      { send: 'GET Patient/{{id}}', headers: { 'if-modified-since': 'Thu, 01 Jan 1970 00:00:00 GMT' }, status: 200 },
    ],
  },
  {
    title: 'a conditional create makes what nobody has made, finds what is there, and refuses to choose',
    spec: `${http}#ccreate`,
    steps: [
      {
        send: 'POST Patient',
        headers: { 'if-none-exist': criteria },
        body: patient,
        status: 201,
        save: { id: 'body.id' },
      },
      {
        send: 'POST Patient',
        headers: { 'if-none-exist': criteria },
        body: { ...patient, active: true },
        status: 200,
        answer: { id: '{{id}}' },
      },
      { send: `GET Patient?${criteria}`, status: 200, ids: ['{{id}}'] },
      { send: 'POST Patient', body: patient, status: 201 },
      {
        send: 'POST Patient',
        headers: { 'if-none-exist': criteria },
        body: patient,
        status: 412,
        issue: { code: 'multiple-matches' },
      },
      { send: 'POST Patient', headers: { 'if-none-exist': 'shoe=1' }, body: patient, status: 400 },
      { send: 'POST Patient', headers: { 'if-none-exist': 'identifier=' }, body: patient, status: 412 },
    ],
  },
  {
    title: 'a conditional update creates, updates, and refuses to choose',
    spec: `${http}#cond-update`,
    steps: [
      { send: `PUT Patient?${criteria}`, body: patient, status: 201, save: { id: 'body.id' } },
      {
        send: `PUT Patient?${criteria}`,
        body: { ...patient, active: true },
        status: 200,
        answer: { id: '{{id}}', active: true },
      },
      { send: `PUT Patient?${criteria}`, body: { ...patient, id: 'another' }, status: 400 },
      { send: 'POST Patient', body: patient, status: 201 },
      { send: `PUT Patient?${criteria}`, body: patient, status: 412, issue: { code: 'multiple-matches' } },
      { send: 'PUT Patient?identifier=', body: patient, status: 412 },
    ],
  },
  {
    title: 'a conditional delete deletes what matches, and nothing without criteria',
    spec: `${http}#3.1.0.7.1`,
    steps: [
      { send: 'POST Patient', body: patient, status: 201, save: { id: 'body.id' } },
      { send: 'DELETE Patient?identifier=', status: 412 },
      { send: 'DELETE Patient', status: 412 },
      { send: `GET Patient?${criteria}`, status: 200, ids: ['{{id}}'] },
      { send: `DELETE Patient?${criteria}`, status: 200 },
      { send: `GET Patient?${criteria}`, status: 200, ids: [] },
      { send: 'GET Patient/{{id}}', status: 410 },
      { send: 'DELETE Patient?shoe=1', status: 400 },
    ],
  },
  {
    title: 'a conditional patch changes the one that matches',
    spec: `${http}#patch`,
    steps: [
      { send: 'POST Patient', body: patient, status: 201, save: { id: 'body.id' } },
      {
        send: `PATCH Patient?${criteria}`,
        type: 'application/json-patch+json',
        body: [{ op: 'add', path: '/active', value: true }],
        status: 200,
        answer: { id: '{{id}}', active: true },
      },
      {
        send: 'PATCH Patient?identifier=urn:conditional|{{unique}}-nobody',
        type: 'application/json-patch+json',
        body: [{ op: 'add', path: '/active', value: true }],
        status: 404,
      },
      { send: 'POST Patient', body: patient, status: 201 },
      {
        send: `PATCH Patient?${criteria}`,
        type: 'application/json-patch+json',
        body: [{ op: 'add', path: '/active', value: false }],
        status: 412,
      },
    ],
  },
];
