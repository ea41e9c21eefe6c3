import type { RestCase, RestStep } from './rest-case.js';

const jsonPatch = 'application/json-patch+json';
const observation: RestStep = {
  send: 'PUT Observation/{{unique}}',
  body: '{"resourceType":"Observation","id":"{{unique}}","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.00,"unit":"mm"},"component":[{"code":{"text":"c"},"valueInteger":3}]}',
  status: 201,
  save: { etag: 'header.etag' },
};

/** A FHIRPath Patch of one operation; each part is a name and its typed value. */
const operation = (...parts: (readonly [name: string, valueMember: string, value: unknown])[]): unknown => ({
  resourceType: 'Parameters',
  parameter: [{ name: 'operation', part: parts.map(([name, member, value]) => ({ name, [member]: value })) }],
});

const aTest = [{ op: 'test', path: '/status', value: 'amended' }];
const failingTest = { send: 'PATCH Observation/{{unique}}', type: jsonPatch, body: aTest };
const inBundle = (status: number): RestStep => ({
  send: 'POST ',
  body: {
    resourceType: 'Bundle',
    type: 'transaction',
    entry: [
      {
        request: { method: 'PATCH', url: 'Observation/{{unique}}' },
        resource: {
          resourceType: 'Binary',
          contentType: jsonPatch,
          data: Buffer.from(JSON.stringify(aTest)).toString('base64'),
        },
      },
    ],
  },
  status,
});

export const patchCases: readonly RestCase[] = [
  {
    title: 'JSON Patch changes what it names and leaves every other number as it was written',
    spec: 'https://hl7.org/fhir/R4/http.html#patch',
    steps: [
      observation,
      {
        send: 'PATCH Observation/{{unique}}',
        type: jsonPatch,
        body: [
          { op: 'test', path: '/status', value: 'final' },
          { op: 'replace', path: '/status', value: 'amended' },
          { op: 'remove', path: '/component/0' },
          { op: 'add', path: '/note', value: [{ text: 'patched' }] },
        ],
        status: 200,
        answer: { status: 'amended', note: [{ text: 'patched' }] },
        save: { version: 'body.meta.versionId', at: 'body.meta.lastUpdated' },
      },
      {
        send: 'GET Observation/{{unique}}',
        status: 200,
        answerText:
          '{"resourceType":"Observation","id":"{{unique}}","meta":{"versionId":"{{version}}","lastUpdated":"{{at}}"},"status":"amended","code":{"text":"x"},"valueQuantity":{"value":1.00,"unit":"mm"},"note":[{"text":"patched"}]}',
      },
    ],
  },
  {
    title: 'a JSON Patch whose test fails is refused as a precondition',
    spec: 'https://www.rfc-editor.org/rfc/rfc5789#section-2.2',
    versions: ['R4', 'R4B'],
    steps: [observation, { ...failingTest, status: 412 }, inBundle(412)],
  },
  {
    title: 'a JSON Patch whose test fails is refused as one that cannot be carried out',
    spec: 'https://hl7.org/fhir/R5/http.html#patch',
    versions: ['R5'],
    steps: [observation, { ...failingTest, status: 422 }, inBundle(422)],
  },
  {
    title: 'JSON Patch is refused when a path leads nowhere, and when the result is invalid',
    spec: 'https://www.rfc-editor.org/rfc/rfc6902#section-5',
    steps: [
      observation,
      {
        send: 'PATCH Observation/{{unique}}',
        type: jsonPatch,
        body: [{ op: 'remove', path: '/nowhere/0' }],
        status: 422,
      },
      {
        send: 'PATCH Observation/{{unique}}',
        type: jsonPatch,
        body: [{ op: 'replace', path: '/status', value: 'unsaid' }],
        status: 422,
        issue: { expression: 'Observation.status' },
      },
      { send: 'PATCH Observation/{{unique}}', type: jsonPatch, body: '{"op":', status: 400 },
      { send: 'GET Observation/{{unique}}', status: 200, answerHeaders: { etag: '{{etag}}' } },
    ],
  },
  {
    title: 'a patch honours If-Match, and needs a resource',
    spec: 'https://hl7.org/fhir/R4/http.html#patch',
    steps: [
      observation,
      {
        send: 'PATCH Observation/{{unique}}',
        type: jsonPatch,
        headers: { 'if-match': 'W/"1"' },
        body: [{ op: 'replace', path: '/status', value: 'amended' }],
        status: 412,
      },
      {
        send: 'PATCH Observation/{{unique}}-none',
        type: jsonPatch,
        body: [{ op: 'replace', path: '/status', value: 'amended' }],
        status: 404,
      },
    ],
  },
  {
    title: 'FHIRPath Patch adds, replaces, inserts, moves and deletes',
    spec: 'https://hl7.org/fhir/R4/fhirpatch.html',
    steps: [
      {
        send: 'PUT Patient/{{unique}}',
        body: {
          resourceType: 'Patient',
          id: '{{unique}}',
          name: [{ family: 'Old', given: ['A', 'B'] }],
          gender: 'male',
        },
        status: 201,
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(
          ['type', 'valueCode', 'add'],
          ['path', 'valueString', 'Patient'],
          ['name', 'valueString', 'birthDate'],
          ['value', 'valueDate', '1970-01-01'],
        ),
        status: 200,
        answer: { birthDate: '1970-01-01' },
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(
          ['type', 'valueCode', 'replace'],
          ['path', 'valueString', 'Patient.name[0].family'],
          ['value', 'valueString', 'New'],
        ),
        status: 200,
        answer: { name: [{ family: 'New', given: ['A', 'B'] }] },
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(
          ['type', 'valueCode', 'insert'],
          ['path', 'valueString', 'Patient.name[0].given'],
          ['index', 'valueInteger', 1],
          ['value', 'valueString', 'between'],
        ),
        status: 200,
        answer: { name: [{ given: ['A', 'between', 'B'] }] },
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(
          ['type', 'valueCode', 'move'],
          ['path', 'valueString', 'Patient.name[0].given'],
          ['source', 'valueInteger', 0],
          ['destination', 'valueInteger', 2],
        ),
        status: 200,
        answer: { name: [{ given: ['between', 'B', 'A'] }] },
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(['type', 'valueCode', 'delete'], ['path', 'valueString', 'Patient.gender']),
        status: 200,
        save: { version: 'body.meta.versionId', at: 'body.meta.lastUpdated' },
      },
      {
        send: 'GET Patient/{{unique}}',
        status: 200,
        answerText:
          '{"resourceType":"Patient","id":"{{unique}}","meta":{"versionId":"{{version}}","lastUpdated":"{{at}}"},"name":[{"family":"New","given":["between","B","A"]}],"birthDate":"1970-01-01"}',
      },
      {
        send: 'PATCH Patient/{{unique}}',
        body: operation(['type', 'valueCode', 'explode'], ['path', 'valueString', 'Patient.name']),
        status: 400,
      },
    ],
  },
];
