import type { RestCase } from './rest-case.js';

const http = 'https://hl7.org/fhir/R4/http.html';
const identifier = [{ system: 'urn:conditional', value: '{{unique}}' }];
const patient = { resourceType: 'Patient', identifier };
const criteria = 'identifier=urn:conditional|{{unique}}';

const anew = { 'if-none-match': '*' };
const deactivation = {
  type: 'application/json-patch+json',
  body: [{ op: 'replace', path: '/active', value: false }],
};

const bundle = (type: string, ...entries: object[]): object => ({ resourceType: 'Bundle', type, entry: entries });
/** An entry for what is not there yet. */
const entry = (method: 'PUT' | 'PATCH' | 'DELETE', url: string): object => ({
  request: { method, url, ifNoneMatch: '*' },
  ...(method === 'PUT' ? { resource: { ...patient, id: '{{unique}}' } } : {}),
  ...(method === 'PATCH'
    ? {
        resource: {
          resourceType: 'Binary',
          contentType: deactivation.type,
          data: Buffer.from(JSON.stringify(deactivation.body)).toString('base64'),
        },
      }
    : {}),
});

/** What the types must have. */
const shared: Readonly<Record<string, object>> = {
  Basic: { code: { text: 'x' } },
  Group: { type: 'person', membership: 'enumerated' },
};

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
    title: 'If-None-Match lets through a write of what is not there yet, and of nothing else',
    spec: 'https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2',
    steps: [
      {
        send: 'PUT Patient/{{unique}}',
        headers: anew,
        body: { ...patient, id: '{{unique}}', active: true },
        status: 201,
        save: { etag: 'header.etag' },
      },
      {
        send: 'PUT Patient/{{unique}}',
        headers: anew,
        body: { ...patient, id: '{{unique}}', active: false },
        status: 412,
        issue: { code: 'processing' },
      },
      {
        send: 'PUT Patient/{{unique}}',
        headers: { 'if-none-match': '{{etag}}' },
        body: { ...patient, id: '{{unique}}', active: false },
        status: 412,
      },
      { send: 'PATCH Patient/{{unique}}', ...deactivation, headers: anew, status: 412 },
      { send: `PATCH Patient?${criteria}`, ...deactivation, headers: anew, status: 412 },
      { send: `PUT Patient?${criteria}`, headers: anew, body: { ...patient, active: false }, status: 412 },
      { send: 'DELETE Patient/{{unique}}', headers: anew, status: 412 },
      { send: `DELETE Patient?${criteria}`, headers: anew, status: 412 },
      { send: 'GET Patient/{{unique}}', status: 200, answer: { active: true }, answerHeaders: { etag: '{{etag}}' } },
      {
        send: 'PUT Patient/{{unique}}',
        headers: { 'if-none-match': 'W/"1"' },
        body: { ...patient, id: '{{unique}}', active: false },
        status: 200,
      },
      { send: 'DELETE Patient/{{unique}}', status: 200 },
      { send: `PUT Patient?${criteria}`, headers: anew, body: { ...patient, active: true }, status: 201 },
    ],
  },
  {
    title: 'ifNoneMatch of an entry means what the header means',
    spec: 'https://hl7.org/fhir/R4/bundle-definitions.html#Bundle.entry.request.ifNoneMatch',
    steps: [
      {
        send: 'POST ',
        body: bundle('transaction', entry('PUT', 'Patient/{{unique}}')),
        status: 200,
        answer: { entry: [{ response: { status: '201' } }] },
      },
      ...[
        entry('PUT', 'Patient/{{unique}}'),
        entry('PUT', `Patient?${criteria}`),
        entry('PATCH', 'Patient/{{unique}}'),
        entry('PATCH', `Patient?${criteria}`),
        entry('DELETE', 'Patient/{{unique}}'),
        entry('DELETE', `Patient?${criteria}`),
      ].flatMap((refused) => [
        { send: 'POST ', body: bundle('transaction', refused), status: 412 },
        {
          send: 'POST ',
          body: bundle('batch', refused),
          status: 200,
          answer: { entry: [{ response: { status: '412' } }] },
        },
      ]),
      { send: 'GET Patient/{{unique}}/_history', status: 200, answer: { total: 1 } },
    ],
  },
  {
    title: 'a conditional write that finds its resource names it as if it were new',
    spec: 'https://hl7.org/fhir/R5/http.html#ccreate',
    steps: [
      { send: 'POST Patient', body: patient, status: 201, save: { id: 'body.id', version: 'body.meta.versionId' } },
      {
        send: 'POST Patient',
        headers: { 'if-none-exist': criteria, prefer: 'return=minimal' },
        body: patient,
        status: 200,
        answerHeaders: { location: '{{base}}Patient/{{id}}/_history/{{version}}', etag: 'W/"{{version}}"' },
      },
      {
        send: `PUT Patient?${criteria}`,
        body: { ...patient, active: true },
        status: 200,
        save: { next: 'body.meta.versionId' },
        answerHeaders: { location: '/^{{base}}Patient/{{id}}/_history/\\d+$/', 'content-location': '/./' },
      },
      {
        send: 'PUT Patient/{{id}}',
        body: { ...patient, id: '{{id}}' },
        status: 200,
        answerHeaders: { location: null, 'content-location': '/./' },
      },
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
    title: 'a conditional delete is about one type',
    spec: `${http}#3.1.0.7.1`,
    versions: ['R4', 'R4B'],
    steps: [
      { send: 'DELETE ?_type=Patient&_id={{unique}}', status: 405, answerHeaders: { allow: 'GET, HEAD, POST' } },
      { send: 'PUT ', body: patient, status: 405, answerHeaders: { allow: 'GET, HEAD, POST' } },
    ],
  },
  {
    title: 'a conditional delete may be about several types that it names',
    spec: 'https://hl7.org/fhir/R5/http.html#3.2.0.7.1',
    versions: ['R5'],
    steps: [
      ...['Patient', 'Basic', 'Group'].map((type) => ({
        send: `PUT ${type}/{{unique}}`,
        body: { ...shared[type], resourceType: type, id: '{{unique}}' },
        status: 201,
      })),
      { send: 'DELETE ?_id={{unique}}', status: 412 },
      { send: 'DELETE ?_type=Patient,Basic', status: 412 },
      { send: 'DELETE ?_type=Patient,Shoe&_id={{unique}}', status: 400 },
      { send: 'DELETE ?_type=Patient,Basic&_id={{unique}}', headers: anew, status: 412 },
      { send: 'GET Patient/{{unique}}', status: 200 },
      { send: 'DELETE ?_type=Patient,Basic&_id={{unique}}', status: 200, answer: { id: 'ok' } },
      { send: 'GET Patient/{{unique}}', status: 410 },
      { send: 'GET Basic/{{unique}}', status: 410 },
      { send: 'GET Group/{{unique}}', status: 200 },
      { send: 'PUT ', body: patient, status: 405, answerHeaders: { allow: 'GET, HEAD, POST, DELETE' } },
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
