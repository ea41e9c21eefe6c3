import type { RestCase, RestStep } from './rest-case.js';

const search = 'https://hl7.org/fhir/R4/search.html';
const http = 'https://hl7.org/fhir/R4/http.html#search';
const form = 'application/x-www-form-urlencoded';

const patient: RestStep = {
  send: 'PUT Patient/{{unique}}-p',
  body: '{"resourceType":"Patient","id":"{{unique}}-p","meta":{"tag":[{"code":"{{unique}}"}]},"identifier":[{"system":"urn:s","value":"{{unique}}"}],"active":true,"name":[{"family":"Quay"}],"birthDate":"1990-01-01"}',
  status: 201,
};
const observation = (id: string, value: string): RestStep => ({
  send: `PUT Observation/{{unique}}-${id}`,
  body: `{"resourceType":"Observation","id":"{{unique}}-${id}","meta":{"tag":[{"code":"{{unique}}"}]},"text":{"status":"generated","div":"<div xmlns=\\"http://www.w3.org/1999/xhtml\\">x</div>"},"status":"final","code":{"coding":[{"code":"{{unique}}"}]},"subject":{"reference":"Patient/{{unique}}-p"},"valueQuantity":{"value":${value}},"note":[{"text":"long"}]}`,
  status: 201,
});

const data = [patient, observation('a', '1.00'), observation('b', '2'), observation('c', '3')];

export const searchCases: readonly RestCase[] = [
  {
    title: 'pages lead to one another by their links, each resource once',
    spec: `${http}`,
    steps: [
      ...data,
      {
        send: 'GET Observation?_tag={{unique}}&_count=2&_total=accurate',
        status: 200,
        ids: ['{{unique}}-a', '{{unique}}-b'],
        answer: {
          total: 3,
          link: [
            { relation: 'self', url: '{{base}}Observation?_tag={{unique}}&_count=2&_total=accurate' },
            { relation: 'next' },
          ],
        },
        save: { next: 'body.link.1.url' },
      },
      { send: 'GET Observation?_tag={{unique}}&_count=2&_offset=2', status: 200, ids: ['{{unique}}-c'] },
      {
        send: 'GET Observation?_tag={{unique}}&_cursor=bm90IG91cnM',
        status: 400,
        issue: { code: 'value', expression: '_cursor' },
      },
    ],
  },
  {
    title: 'a search may be posted as a form, with parameters in the URL too',
    spec: http,
    steps: [
      ...data,
      {
        send: 'POST Observation/_search',
        type: form,
        body: '_tag={{unique}}&_sort=-_id',
        status: 200,
        ids: ['{{unique}}-c', '{{unique}}-b', '{{unique}}-a'],
      },
      {
        send: 'POST Observation/_search?_tag={{unique}}',
        type: form,
        body: '_id={{unique}}-b',
        status: 200,
        ids: ['{{unique}}-b'],
      },
      {
        send: 'POST _search',
        type: form,
        body: '_type=Patient,Observation&_tag={{unique}}&_count=2',
        status: 200,
        ids: ['{{unique}}-p', '{{unique}}-a'],
      },
      {
        send: 'POST Patient/{{unique}}-p/Observation/_search',
        type: form,
        body: '_id={{unique}}-b',
        status: 200,
        ids: ['{{unique}}-b'],
      },
      { send: 'POST Observation/_search', body: '{}', status: 415 },
    ],
  },
  {
    title: 'what is not understood is an error, or left out of the search and of its self link',
    spec: `${search}#errors`,
    steps: [
      ...data,
      {
        send: 'GET Observation?nosuch=1&_tag={{unique}}',
        status: 400,
        issue: { code: 'not-found', expression: 'nosuch' },
      },
      {
        send: 'GET Observation?nosuch=1&_tag={{unique}}&subject.nosuch=2&_count=1&status=',
        headers: { prefer: 'handling=lenient' },
        status: 200,
        ids: ['{{unique}}-a'],
        answer: {
          link: [{ relation: 'self', url: '{{base}}Observation?_tag={{unique}}&_count=1' }, { relation: 'next' }],
        },
      },
      { send: 'GET Observation?nosuch=1', headers: { prefer: 'handling=strict' }, status: 400 },
      {
        send: 'GET Observation?_contained=true',
        status: 400,
        issue: { code: 'not-supported', expression: '_contained' },
      },
      { send: 'GET Nothing?_id=1', status: 404 },
    ],
  },
  {
    title: 'the whole system and compartments can be searched',
    spec: http,
    steps: [
      ...data,
      {
        send: 'GET ?_id={{unique}}-p,{{unique}}-c',
        status: 200,
        ids: ['{{unique}}-p', '{{unique}}-c'],
        answer: { link: [{ relation: 'self', url: '{{base}}?_id={{unique}}-p%2C{{unique}}-c' }] },
      },
      {
        send: 'GET ?_type=Observation&_tag={{unique}}',
        status: 200,
        ids: ['{{unique}}-a', '{{unique}}-b', '{{unique}}-c'],
      },
      { send: 'GET ?_type=Nothing', status: 400, issue: { code: 'value', expression: '_type' } },
      {
        send: 'GET Patient/{{unique}}-p/Observation?_sort=-_id',
        status: 200,
        ids: ['{{unique}}-c', '{{unique}}-b', '{{unique}}-a'],
      },
      {
        send: 'GET Patient/{{unique}}-p/*',
        status: 200,
        ids: ['{{unique}}-p', '{{unique}}-a', '{{unique}}-b', '{{unique}}-c'],
        answer: { link: [{ relation: 'self', url: '{{base}}Patient/{{unique}}-p/*' }] },
      },
      { send: 'GET Patient/{{unique}}-p/Nothing', status: 404 },
      { send: 'GET Patient/{{unique}}-p/Organization', status: 404 },
      { send: 'GET Organization/{{unique}}-p/Patient', status: 404 },
    ],
  },
  {
    title: 'included resources follow the matches and are marked',
    spec: `${search}#revinclude`,
    steps: [
      ...data,
      {
        send: 'GET Observation?_id={{unique}}-a,{{unique}}-b&_include=Observation:subject',
        status: 200,
        ids: ['{{unique}}-a', '{{unique}}-b', '{{unique}}-p'],
        answer: {
          entry: [{ search: { mode: 'match' } }, { search: { mode: 'match' } }, { search: { mode: 'include' } }],
        },
      },
      {
        send: 'GET Patient?_id={{unique}}-p&_revinclude=Observation:subject',
        status: 200,
        ids: ['{{unique}}-p', '{{unique}}-a', '{{unique}}-b', '{{unique}}-c'],
      },
    ],
  },
  {
    title: 'chains and _has are found over HTTP, in a batch and by conditional interactions',
    spec: `${search}#chaining`,
    steps: [
      ...data,
      {
        send: 'GET Observation?subject:Patient.identifier=urn:s%7C{{unique}}&_id={{unique}}-b',
        status: 200,
        ids: ['{{unique}}-b'],
      },
      { send: 'GET Patient?_has:Observation:subject:code={{unique}}', status: 200, ids: ['{{unique}}-p'] },
      {
        send: 'GET Patient?_filter=identifier%20eq%20urn:s%7C{{unique}}%20and%20active%20eq%20true',
        status: 200,
        ids: ['{{unique}}-p'],
      },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: [
            {
              request: {
                method: 'GET',
                url: 'Patient?_has:Observation:subject:code={{unique}}&_revinclude=Observation:subject',
              },
            },
          ],
        },
        status: 200,
        answer: {
          entry: [
            {
              resource: {
                type: 'searchset',
                entry: [{ search: { mode: 'match' } }, ...['a', 'b', 'c'].map(() => ({ search: { mode: 'include' } }))],
              },
            },
          ],
        },
      },
      {
        send: 'POST Patient',
        headers: { 'if-none-exist': '_has:Observation:subject:code={{unique}}' },
        body: { resourceType: 'Patient' },
        status: 200,
        answer: { id: '{{unique}}-p' },
      },
    ],
  },
  {
    title: 'a part of each resource is shown, marked as such, with the characters of its numbers',
    spec: `${search}#elements`,
    steps: [
      ...data,
      {
        send: 'GET Observation?_id={{unique}}-a&_elements=value',
        status: 200,
        answer: {
          entry: [
            {
              resource: {
                id: '{{unique}}-a',
                valueQuantity: { value: 1 },
                meta: { tag: [{ code: '{{unique}}' }, { code: 'SUBSETTED' }, { code: 'SUBSETTED' }] },
              },
            },
          ],
        },
      },
      {
        send: 'GET Observation?_id={{unique}}-a&_summary=text',
        status: 200,
        answer: { entry: [{ resource: { text: { status: 'generated' } } }] },
      },
      {
        send: 'GET Observation?_id={{unique}}-a&_summary=data',
        status: 200,
        answer: { entry: [{ resource: { note: [{ text: 'long' }] } }] },
      },
      {
        send: 'GET Observation?_id={{unique}}-a&_summary=true',
        status: 200,
        answer: { entry: [{ resource: { status: 'final' } }] },
      },
      { send: 'GET Observation?_tag={{unique}}&_summary=count', status: 200, ids: [], answer: { total: 3 } },
      { send: 'GET Observation?_tag={{unique}}&_count=0', status: 200, ids: [], answer: { total: 3 } },
      {
        send: 'GET Observation?_elements=value&_summary=true',
        status: 400,
        issue: { code: 'value', expression: '_summary' },
      },
    ],
  },
];
