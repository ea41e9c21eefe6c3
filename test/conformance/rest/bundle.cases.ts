import type { RestCase } from './rest-case.js';

const transaction = 'https://hl7.org/fhir/R4/http.html#transaction';
const urn = 'urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a';
const identifier = [{ system: 'urn:bundle', value: '{{unique}}' }];
const patient = { resourceType: 'Patient', identifier };
const observation = (reference: string): object => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  subject: { reference },
});

export const bundleCases: readonly RestCase[] = [
  {
    title: 'references within a transaction lead to the resources that it makes',
    spec: transaction,
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            { resource: observation(urn), request: { method: 'POST', url: 'Observation' } },
            { fullUrl: urn, resource: patient, request: { method: 'POST', url: 'Patient' } },
          ],
        },
        status: 200,
        answer: {
          type: 'transaction-response',
          entry: [{ response: { status: '201' } }, { response: { status: '201' } }],
        },
        save: { observation: 'body.entry.0.resource.id', patient: 'body.entry.1.resource.id' },
      },
      {
        send: 'GET Observation/{{observation}}',
        status: 200,
        answer: { subject: { reference: 'Patient/{{patient}}' } },
      },
    ],
  },
  {
    title: 'a transaction is carried out in the order DELETE, POST, PUT, GET, and answered in its own',
    spec: 'https://hl7.org/fhir/R4/http.html#trules',
    steps: [
      { send: 'PUT Patient/{{unique}}', body: { ...patient, id: '{{unique}}' }, status: 201 },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            { request: { method: 'GET', url: 'Patient?identifier=urn:bundle|{{unique}}' } },
            {
              resource: patient,
              request: { method: 'POST', url: 'Patient', ifNoneExist: 'identifier=urn:bundle|{{unique}}' },
            },
            { request: { method: 'DELETE', url: 'Patient/{{unique}}' } },
          ],
        },
        status: 200,
        answer: {
          entry: [
            { resource: { resourceType: 'Bundle', type: 'searchset', entry: [{ resource: { identifier } }] } },
            { response: { status: '201' } },
            { response: { status: '200' } },
          ],
        },
      },
    ],
  },
  {
    title: 'a transaction with one wrong entry changes nothing, and the answer names the entry',
    spec: transaction,
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            { resource: patient, request: { method: 'POST', url: 'Patient' } },
            { resource: { ...patient, gender: 'unsaid' }, request: { method: 'POST', url: 'Patient' } },
          ],
        },
        status: 400,
        issue: { expression: 'Bundle.entry[1].resource.gender' },
      },
      { send: 'GET Patient?identifier=urn:bundle|{{unique}}', status: 200, ids: [] },
    ],
  },
  {
    title: 'a conditional reference leads to the one resource that matches; none or several refuse the transaction',
    spec: 'https://hl7.org/fhir/R4/http.html#trules',
    steps: [
      { send: 'POST Patient', body: patient, status: 201, save: { patient: 'body.id' } },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            {
              resource: observation('Patient?identifier=urn:bundle|{{unique}}'),
              request: { method: 'POST', url: 'Observation' },
            },
          ],
        },
        status: 200,
        answer: { entry: [{ resource: { subject: { reference: 'Patient/{{patient}}' } } }] },
      },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            {
              resource: observation('Patient?identifier=urn:bundle|{{unique}}-nobody'),
              request: { method: 'POST', url: 'Observation' },
            },
          ],
        },
        status: 400,
      },
    ],
  },
  {
    title: 'entries of a batch stand and fall alone',
    spec: 'https://hl7.org/fhir/R4/http.html#brules',
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: [
            { resource: patient, request: { method: 'POST', url: 'Patient' } },
            { resource: { ...patient, gender: 'unsaid' }, request: { method: 'POST', url: 'Patient' } },
            { request: { method: 'GET', url: 'Patient/{{unique}}-nobody' } },
            { request: { method: 'GET', url: 'Patient?_summary=count&identifier=urn:bundle|{{unique}}-nobody' } },
          ],
        },
        status: 200,
        answer: {
          type: 'batch-response',
          entry: [
            { response: { status: '201' } },
            { response: { status: '400', outcome: { resourceType: 'OperationOutcome' } } },
            { response: { status: '404', outcome: { resourceType: 'OperationOutcome' } } },
            { resource: { total: 0 }, response: { status: '200' } },
          ],
        },
      },
    ],
  },
  {
    title: 'a batch can ask what the server can do, and says which way a search goes',
    spec: 'https://hl7.org/fhir/R4/http.html#transaction',
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'batch',
          entry: [
            { request: { method: 'GET', url: '/metadata' } },
            { request: { method: 'POST', url: 'Patient/_search?name=x' } },
            { request: { method: 'DELETE', url: 'Patient/?identifier=urn:bundle|{{unique}}-nobody' } },
          ],
        },
        status: 200,
        answer: {
          entry: [
            { resource: { resourceType: 'CapabilityStatement' }, response: { status: '200' } },
            { response: { status: '400', outcome: { issue: [{ code: 'not-supported' }] } } },
            { response: { status: '200' } },
          ],
        },
      },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [{ request: { method: 'GET', url: 'metadata' } }],
        },
        status: 400,
        issue: { code: 'not-supported' },
      },
    ],
  },
  {
    title: 'a history is not replayed',
    spec: 'https://hl7.org/fhir/R4/http.html#other-bundles',
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'history',
          entry: [{ resource: patient, request: { method: 'POST', url: 'Patient' }, response: { status: '201' } }],
        },
        status: 400,
        issue: { expression: 'Bundle.type' },
      },
      { send: 'GET Patient?identifier=urn:bundle|{{unique}}', status: 200, ids: [] },
    ],
  },
  {
    title: 'entries can carry conditions and patches',
    spec: transaction,
    steps: [
      {
        send: 'PUT Patient/{{unique}}',
        body: { ...patient, id: '{{unique}}' },
        status: 201,
        save: { etag: 'header.etag' },
      },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            {
              resource: { ...patient, id: '{{unique}}', active: true },
              request: { method: 'PUT', url: 'Patient/{{unique}}', ifMatch: 'W/"1"' },
            },
          ],
        },
        status: 412,
      },
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            {
              resource: {
                resourceType: 'Parameters',
                parameter: [
                  {
                    name: 'operation',
                    part: [
                      { name: 'type', valueCode: 'add' },
                      { name: 'path', valueString: 'Patient' },
                      { name: 'name', valueString: 'active' },
                      { name: 'value', valueBoolean: true },
                    ],
                  },
                ],
              },
              request: { method: 'PATCH', url: 'Patient/{{unique}}', ifMatch: '{{etag}}' },
            },
          ],
        },
        status: 200,
        answer: { entry: [{ response: { status: '200' } }] },
      },
      { send: 'GET Patient/{{unique}}', status: 200, answer: { active: true } },
    ],
  },
  {
    title: 'the same resource twice in a transaction is refused',
    spec: 'https://hl7.org/fhir/R4/http.html#trules',
    steps: [
      {
        send: 'POST ',
        body: {
          resourceType: 'Bundle',
          type: 'transaction',
          entry: [
            { resource: { ...patient, id: '{{unique}}' }, request: { method: 'PUT', url: 'Patient/{{unique}}' } },
            { request: { method: 'DELETE', url: 'Patient/{{unique}}' } },
          ],
        },
        status: 400,
      },
    ],
  },
];
