import type { RestCase } from './rest-case.js';

const read = 'https://hl7.org/fhir/R4/http.html#read';
const patient = {
  resourceType: 'Patient',
  id: '{{unique}}',
  active: false,
  name: [{ family: 'Berg' }],
  birthDate: '1980-01-01',
  photo: [{ title: 'x' }],
};
const tags = [
  'http://terminology.hl7.org/CodeSystem/v3-ObservationValue',
  'http://hl7.org/fhir/v3/ObservationValue',
].map((system) => ({ system, code: 'SUBSETTED' }));
const tagged = `"meta":{"versionId":"{{version}}","lastUpdated":"{{at}}","tag":${JSON.stringify(tags)}}`;
const start = `{"resourceType":"Patient","id":"{{unique}}",${tagged}`;
const put = {
  send: 'PUT Patient/{{unique}}',
  body: patient,
  status: 201,
  save: { etag: 'header.etag', version: 'body.meta.versionId', at: 'body.meta.lastUpdated' },
};

export const shownPartsCases: readonly RestCase[] = [
  {
    title: 'a read shows the elements that it names, and those that change what they mean',
    spec: read,
    steps: [
      put,
      {
        send: 'GET Patient/{{unique}}?_elements=name',
        status: 200,
        answerText: `${start},"active":false,"name":[{"family":"Berg"}]}`,
        answerHeaders: { etag: '{{etag}}' },
      },
      {
        send: 'GET Patient/{{unique}}/_history/{{version}}?_elements=Patient.birthDate&_pretty=false',
        status: 200,
        answerText: `${start},"active":false,"birthDate":"1980-01-01"}`,
      },
      {
        send: 'GET Patient/{{unique}}?_elements=name',
        headers: { 'if-none-match': '{{etag}}' },
        status: 304,
      },
      { send: 'GET Patient/{{unique}}?_elements=,', status: 200, answer: { photo: [{ title: 'x' }] } },
    ],
  },
  {
    title: 'a read shows a summary, the text or the data',
    spec: read,
    steps: [
      put,
      {
        send: 'GET Patient/{{unique}}?_summary=true',
        status: 200,
        answerText: `${start},"active":false,"name":[{"family":"Berg"}],"birthDate":"1980-01-01"}`,
      },
      { send: 'GET Patient/{{unique}}?_summary=text', status: 200, answerText: `${start}}` },
      { send: 'GET Patient/{{unique}}?_summary=false', status: 200, answer: { ...patient, meta: {} } },
      { send: 'GET Patient/{{unique}}?_summary=count', status: 400, issue: { expression: '_summary' } },
      { send: 'GET Patient/{{unique}}?_summary=some', status: 400, issue: { expression: '_summary' } },
      { send: 'GET Patient/{{unique}}?_summary=true&_elements=name', status: 400 },
    ],
  },
  {
    title: 'an element that the type does not have is refused, unless the client is lenient',
    spec: 'https://hl7.org/fhir/R4/search.html#elements',
    steps: [
      put,
      { send: 'GET Patient/{{unique}}?_elements=foo', status: 400, issue: { code: 'value', expression: '_elements' } },
      { send: 'GET Patient?_id={{unique}}&_elements=name,foo', status: 400, issue: { expression: '_elements' } },
      { send: 'GET Patient?_id={{unique}}&_elements=deceased,id,meta,name.family', status: 200, ids: ['{{unique}}'] },
      { send: 'GET ?_type=Patient,Group&_id={{unique}}&_elements=member,birthDate', status: 200, ids: ['{{unique}}'] },
      {
        send: 'GET Patient/{{unique}}?_elements=foo',
        headers: { prefer: 'handling=lenient' },
        status: 200,
        answerText: `${start},"active":false}`,
      },
    ],
  },
  {
    title: 'an entry of a batch that reads shows the parts that its address asks for',
    spec: read,
    steps: [
      put,
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: [
            { request: { method: 'GET', url: 'Patient/{{unique}}?_elements=name' } },
            { request: { method: 'GET', url: 'Patient/{{unique}}/_history/{{version}}?_summary=text' } },
            { request: { method: 'GET', url: 'Patient/{{unique}}?_summary=count' } },
          ],
        },
        status: 200,
        answer: {
          entry: [
            { resource: { name: [{ family: 'Berg' }], meta: { tag: tags } } },
            { resource: { meta: { tag: tags } } },
            { response: { status: '400' } },
          ],
        },
      },
    ],
  },
  {
    title: 'a Binary is read in parts as every other resource',
    spec: read,
    steps: [
      {
        send: 'PUT Binary/{{unique}}',
        body: { resourceType: 'Binary', id: '{{unique}}', contentType: 'text/plain', data: 'aGVsbG8=' },
        status: 201,
        save: { version: 'body.meta.versionId', at: 'body.meta.lastUpdated' },
      },
      {
        send: 'GET Binary/{{unique}}?_elements=contentType',
        headers: { accept: 'application/fhir+json' },
        status: 200,
        answerText: `{"resourceType":"Binary","id":"{{unique}}",${tagged},"contentType":"text/plain"}`,
      },
    ],
  },
];
