import type { RestCase } from './rest-case.js';

/** The page of each version has the same section, and says the same. */
const rules = 'https://hl7.org/fhir/R4/http.html#trules';
const urn = (last: number): string => `urn:uuid:61ebe359-bfdc-4613-8bf2-c5e30094590${last}`;
const site = 'http://publisher.example.org/fhir/';
const transaction = (...entry: object[]): object => ({ resourceType: 'Bundle', type: 'transaction', entry });
interface Resource {
  readonly resourceType: string;
  readonly [member: string]: unknown;
}
const put = (resource: Resource & { readonly id: string }, fullUrl: string): object => ({
  fullUrl,
  resource,
  request: { method: 'PUT', url: `${resource.resourceType}/${resource.id}` },
});
const post = (resource: Resource, fullUrl: string): object => ({
  fullUrl,
  resource,
  request: { method: 'POST', url: resource.resourceType },
});

const codes = `${site}CodeSystem/{{unique}}-codes`;
const values = `${site}ValueSet/{{unique}}-values`;
const published = [
  {
    resourceType: 'CodeSystem',
    id: '{{unique}}-codes',
    url: codes,
    status: 'active',
    content: 'complete',
    concept: [{ code: 'red' }],
  },
  {
    resourceType: 'ValueSet',
    id: '{{unique}}-values',
    url: values,
    status: 'active',
    compose: { include: [{ system: codes, concept: [{ code: 'red' }] }] },
    text: {
      status: 'additional',
      div: `<div xmlns="http://www.w3.org/1999/xhtml"><a href="${codes}">the codes</a></div>`,
    },
  },
  {
    resourceType: 'Questionnaire',
    id: '{{unique}}-form',
    url: `${site}Questionnaire/{{unique}}-form`,
    status: 'active',
    derivedFrom: [values],
    subjectType: ['Patient'],
  },
  {
    resourceType: 'Observation',
    id: '{{unique}}-observed',
    meta: { tag: [{ system: codes, code: 'red' }] },
    extension: [{ url: codes, valueUri: values }],
    identifier: [{ system: values, value: values }],
    status: 'final',
    code: { coding: [{ system: codes, code: 'red', display: codes }], text: values },
  },
] as const;

const text = urn(1);
const said = {
  resourceType: 'Observation',
  meta: { tag: [{ system: 'http://tags.example.org', code: text, display: text }] },
  identifier: [{ system: 'urn:ietf:rfc:3986', value: text }],
  status: 'final',
  code: { coding: [{ system: text, code: text, display: text }], text },
  note: [{ text }],
  valueString: text,
};

const copied = `${site}Patient/{{unique}}`;
const about = (reference: string): Resource => ({
  resourceType: 'Observation',
  status: 'final',
  code: { text: 'x' },
  subject: { reference },
});

export const linkCases: readonly RestCase[] = [
  {
    title: 'resources that are published with their canonical urls as fullUrls are stored with every word of theirs',
    spec: rules,
    steps: [
      {
        send: 'POST ',
        body: transaction(
          ...published.map((resource) => put(resource, `${site}${resource.resourceType}/${resource.id}`)),
        ),
        status: 200,
      },
      ...published.map((resource) => ({
        send: `GET ${resource.resourceType}/${resource.id}`,
        status: 200,
        answer: resource,
      })),
      { send: `GET ValueSet?url=${values}`, status: 200, ids: ['{{unique}}-values'] },
    ],
  },
  {
    title: 'the same when they are made anew, with ids of the server',
    spec: rules,
    steps: [
      {
        send: 'POST ',
        body: transaction(
          ...published.map((resource) => post(resource, `${site}${resource.resourceType}/${resource.id}`)),
        ),
        status: 200,
        answer: {
          entry: published.map(({ id: _id, ...resource }) => ({
            resource: 'text' in resource ? { ...resource, text: { status: 'additional' } } : resource,
          })),
        },
        save: { codes: 'body.entry.0.resource.id', values: 'body.entry.1.resource.id' },
      },
      // In a narrative it is where a reader is sent.
      {
        send: 'GET ValueSet/{{values}}',
        status: 200,
        answer: {
          text: { div: '<div xmlns="http://www.w3.org/1999/xhtml"><a href="CodeSystem/{{codes}}">the codes</a></div>' },
        },
      },
      { send: `GET ValueSet?url=${values}`, status: 200, ids: ['{{values}}'] },
    ],
  },
  {
    title: 'texts and codes that say what a fullUrl says are no links',
    spec: rules,
    steps: [
      {
        send: 'POST ',
        body: transaction(
          post({ ...said, subject: { reference: urn(1) } }, urn(2)),
          post({ resourceType: 'Patient' }, urn(1)),
        ),
        status: 200,
        answer: { entry: [{ resource: said }, {}] },
        save: { patient: 'body.entry.1.resource.id', observation: 'body.entry.0.resource.id' },
      },
      {
        send: 'GET Observation/{{observation}}',
        status: 200,
        answer: { ...said, subject: { reference: 'Patient/{{patient}}' } },
      },
    ],
  },
  {
    title: 'links in uris, attachments and narratives are followed',
    spec: rules,
    steps: [
      {
        send: 'POST ',
        body: transaction(
          post(
            {
              resourceType: 'Patient',
              extension: [{ url: 'http://publisher.example.org/e', valueUri: urn(2) }],
              photo: [{ url: urn(2) }, { url: `${site}Binary/{{unique}}` }],
              text: {
                status: 'additional',
                div: `<div xmlns="http://www.w3.org/1999/xhtml"><img src="${urn(2)}" alt="${urn(2)}"/></div>`,
              },
            },
            urn(1),
          ),
          post({ resourceType: 'Organization', name: 'x' }, urn(2)),
          post({ resourceType: 'Binary', contentType: 'text/plain', data: 'eA==' }, `${site}Binary/{{unique}}`),
        ),
        status: 200,
        save: { patient: 'body.entry.0.resource.id', other: 'body.entry.1.resource.id' },
      },
      {
        send: 'GET Patient/{{patient}}',
        status: 200,
        answer: {
          extension: [{ valueUri: 'Organization/{{other}}' }],
          photo: [{ url: 'Organization/{{other}}' }, {}],
          text: {
            div: `<div xmlns="http://www.w3.org/1999/xhtml"><img src="Organization/{{other}}" alt="${urn(2)}"/></div>`,
          },
        },
      },
    ],
  },
  {
    title: 'a reference to a version of a new resource names the version that the transaction makes',
    spec: rules,
    steps: [
      // Somebody else has the id that the patient has where it comes from.
      {
        send: 'PUT Patient/{{unique}}',
        body: { resourceType: 'Patient', id: '{{unique}}', active: false },
        status: 201,
      },
      {
        send: 'POST ',
        body: transaction(
          post(about('Patient/{{unique}}/_history/4'), `${site}Observation/{{unique}}`),
          post(about(`${copied}/_history/4`), urn(1)),
          post({ resourceType: 'Patient', id: '{{unique}}' }, copied),
        ),
        status: 200,
        save: { patient: 'body.entry.2.resource.id', version: 'body.entry.2.resource.meta.versionId' },
      },
      {
        send: 'GET Observation?subject=Patient/{{patient}}',
        status: 200,
        answer: {
          entry: [
            { resource: { subject: { reference: 'Patient/{{patient}}/_history/{{version}}' } } },
            { resource: { subject: { reference: 'Patient/{{patient}}/_history/{{version}}' } } },
          ],
        },
      },
      { send: 'GET Patient/{{patient}}/_history/{{version}}', status: 200 },
      { send: 'GET Observation?subject=Patient/{{unique}}', status: 200, ids: [] },
    ],
  },
];
