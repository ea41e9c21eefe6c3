import type { RestCase } from './rest-case.js';

const history = 'https://hl7.org/fhir/R4/http.html#history';
const patient = { resourceType: 'Patient', id: '{{unique}}' };

export const historyCases: readonly RestCase[] = [
  {
    title: 'the history of a resource has each version, newest first, deletions too',
    spec: history,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      { send: 'PUT Patient/{{unique}}', body: { ...patient, active: true }, status: 200 },
      { send: 'DELETE Patient/{{unique}}', status: 200 },
      {
        send: 'GET Patient/{{unique}}/_history',
        status: 200,
        answer: {
          resourceType: 'Bundle',
          type: 'history',
          total: 3,
          entry: [
            { request: { method: 'DELETE', url: 'Patient/{{unique}}' } },
            { request: { method: 'PUT' }, resource: { active: true }, fullUrl: '{{base}}Patient/{{unique}}' },
            { resource: { id: '{{unique}}' } },
          ],
        },
      },
      { send: 'GET Patient/{{unique}}-none/_history', status: 404 },
    ],
  },
  {
    title: 'the history is paged by _count and the link to the next page',
    spec: history,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      { send: 'PUT Patient/{{unique}}', body: { ...patient, active: true }, status: 200 },
      { send: 'PUT Patient/{{unique}}', body: { ...patient, active: false }, status: 200 },
      {
        send: 'GET Patient/{{unique}}/_history?_count=2',
        status: 200,
        ids: ['{{unique}}', '{{unique}}'],
        answer: { total: 3, link: [{ relation: 'self' }, { relation: 'next' }] },
      },
      { send: 'GET Patient/{{unique}}/_history?_count=two', status: 400 },
    ],
  },
  {
    title: 'the history since a moment has what was changed after it',
    spec: history,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201, save: { first: 'body.meta.lastUpdated' } },
      { send: 'GET Patient/{{unique}}/_history?_since=2001-01-01T00:00:00Z', status: 200, ids: ['{{unique}}'] },
      { send: 'GET Patient/{{unique}}/_history?_since=2101-01-01T00:00:00Z', status: 200, ids: [] },
      { send: 'GET Patient/{{unique}}/_history?_at={{first}}', status: 200, ids: ['{{unique}}'] },
      { send: 'GET Patient/{{unique}}/_history?_since=yesterday', status: 400 },
      { send: 'GET Patient/{{unique}}/_history?_at=yesterday', status: 400 },
    ],
  },
  {
    title: 'a type and the system have a history, newest first',
    spec: history,
    steps: [
      { send: 'PUT Patient/{{unique}}', body: patient, status: 201 },
      {
        send: 'PUT Basic/{{unique}}',
        body: { resourceType: 'Basic', id: '{{unique}}', code: { text: 'x' } },
        status: 201,
      },
      { send: 'GET Patient/_history?_count=1', status: 200, answer: { type: 'history' }, ids: ['{{unique}}'] },
      {
        send: 'GET _history?_count=2',
        status: 200,
        answer: {
          type: 'history',
          entry: [{ resource: { resourceType: 'Basic' } }, { resource: { resourceType: 'Patient' } }],
        },
        ids: ['{{unique}}', '{{unique}}'],
      },
    ],
  },
];
