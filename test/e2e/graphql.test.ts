import { getDataType, MedplumClient } from '@medplum/core';
import type { Observation, Patient } from '@medplum/fhirtypes';
import { aDatabase, type CreatedProject, expectStatus, type RunningPlatform, startPlatform } from '#testing';

const versions = ['4.0.1', '4.3.0', '5.0.0'] as const;
type Version = (typeof versions)[number];

let platform: RunningPlatform;
const projects = new Map<Version, { project: CreatedProject; token: string }>();

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  for (const fhirVersion of versions) {
    const project = await platform.createProject(`graph-${fhirVersion.replaceAll('.', '-')}`, { fhirVersion });
    projects.set(fhirVersion, { project, token: await platform.clientToken(project) });
  }
}, 180_000);

afterAll(() => platform?.stop());

function send(version: Version, path: string, init: RequestInit = {}): Promise<Response> {
  const { project, token } = projects.get(version) ?? { project: undefined, token: '' };
  return fetch(`${project?.baseUrl}fhir/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...init.headers },
  });
}

async function create(version: Version, resource: { resourceType: string }): Promise<string> {
  const response = await send(version, resource.resourceType, { method: 'POST', body: JSON.stringify(resource) });
  return ((await expectStatus(response, 201)) as { id: string }).id;
}

/** What JSON.parse gives: each test looks into it where it knows the form. */
type Json = ReturnType<typeof JSON.parse>;

interface Result {
  data?: Json;
  errors?: { message: string; path?: unknown[]; extensions: { resource: Json } }[];
}

async function ask(version: Version, query: string, variables: object = {}, path = '$graphql'): Promise<Result> {
  const response = await send(version, path, { method: 'POST', body: JSON.stringify({ query, variables }) });
  return (await expectStatus(response, 200)) as Result;
}

describe.each(versions)('$graphql in a project of FHIR %s', (version) => {
  let organization: string;
  const patients: string[] = [];

  beforeAll(async () => {
    organization = await create(version, { resourceType: 'Organization', name: 'Harbour' } as never);
    for (const family of ['Quay', 'Pier', 'Mole']) {
      const patient = await create(version, {
        resourceType: 'Patient',
        identifier: [{ system: 'urn:mrn', value: family }],
        name: [{ use: 'official', family }],
        managingOrganization: { reference: `Organization/${organization}` },
      } as never);
      patients.push(patient);
      for (let index = 0; index < 3; index++) {
        const response = await send(version, 'Observation', {
          method: 'POST',
          body: `{"resourceType":"Observation","status":"final","code":{"coding":[{"system":"http://loinc.org","code":"8867-4"}],"text":"${family} ${index}"},"subject":{"reference":"Patient/${patient}"},"effectiveDateTime":"2026-0${index + 1}-01","valueQuantity":{"value":${index}.00,"unit":"kg"}}`,
        });
        await expectStatus(response, 201);
      }
    }
  }, 60_000);

  test('answers nested lists and references, with numbers as stored', async () => {
    const query = `query ($system: String) { PatientList(identifier: $system, _sort: "-name") {
      id name(use: official) { family }
      managingOrganization { resource { ... on Organization { name } } }
      ObservationList(_reference: subject, _sort: "-date", _count: 2) { code { text } valueQuantity { value } }
    } }`;
    const response = await send(version, '$graphql', {
      method: 'POST',
      body: JSON.stringify({ query, variables: { system: 'urn:mrn|' } }),
    });
    expect(response.headers.get('content-type')).toBe('application/json; charset=utf-8');
    const text = await response.text();
    expect(text).toContain('"value":2.00');
    const { data, errors } = JSON.parse(text) as Result;
    expect(errors).toBeUndefined();
    expect(data.PatientList).toEqual(
      [
        [patients[0], 'Quay'],
        [patients[1], 'Pier'],
        [patients[2], 'Mole'],
      ].map(([id, family]) => ({
        id,
        name: [{ family }],
        managingOrganization: { resource: { name: 'Harbour' } },
        ObservationList: [
          { code: { text: `${family} 2` }, valueQuantity: { value: 2 } },
          { code: { text: `${family} 1` }, valueQuantity: { value: 1 } },
        ],
      })),
    );
  });

  test('walks a connection by its cursors alone', async () => {
    const fields = '{ count next edges { resource { code { text } } } }';
    const texts: string[] = [];
    let page = (await ask(version, `{ ObservationConnection(code: "http://loinc.org|8867-4", _count: 4) ${fields} }`))
      .data;
    for (;;) {
      const { count, next, edges } = page.ObservationConnection;
      expect(count).toBe(9);
      texts.push(...edges.map((edge: Json) => edge.resource.code.text));
      if (next === null) break;
      page = (await ask(version, `query ($c: String) { ObservationConnection(_cursor: $c) ${fields} }`, { c: next }))
        .data;
    }
    expect(texts).toHaveLength(9);
    expect(new Set(texts).size).toBe(9);
  });

  test('is about one resource at its own address, by GET too', async () => {
    const query = '{ name { family } ObservationList(_reference: patient) { id } }';
    const response = await send(version, `Patient/${patients[0]}/$graphql?query=${encodeURIComponent(query)}`);
    const { data } = (await expectStatus(response, 200)) as Result;
    expect(data.name).toEqual([{ family: 'Quay' }]);
    expect(data.ObservationList).toHaveLength(3);
    const missing = await send(version, `Patient/none/$graphql?query=${encodeURIComponent('{ id }')}`);
    expect(((await expectStatus(missing, 404)) as Json).resourceType).toBe('OperationOutcome');
  });

  test('shows the definitions of the version and of the platform', async () => {
    const { data, errors } = await ask(
      version,
      `{ StructureDefinitionList(_filter: "name eq Patient") { name, url, snapshot { element { path min max type { code } } } }
         platform: StructureDefinitionList(_filter: "name eq ProjectMembership") { name }
         SearchParameterList(base: "Patient", _count: 100) { base, code, type, expression, target } }`,
    );
    expect(errors).toBeUndefined();
    expect(data.StructureDefinitionList).toHaveLength(1);
    expect(data.StructureDefinitionList[0].snapshot.element.map(({ path }: Json) => path)).toContain(
      'Patient.birthDate',
    );
    expect(data.platform).toEqual([{ name: 'ProjectMembership' }]);
    const codes = data.SearchParameterList.map(({ code }: Json) => code);
    expect(codes).toEqual(expect.arrayContaining(['birthdate', 'name', 'general-practitioner']));
  });

  test('changes resources as REST does', async () => {
    const made = await ask(version, 'mutation ($res: ResourceInput!) { PatientCreate(res: $res) { id active } }', {
      res: { resourceType: 'Patient', active: true },
    });
    const { id, active } = made.data.PatientCreate;
    expect(active).toBe(true);
    const updated = await ask(
      version,
      `mutation { PatientUpdate(id: "${id}", res: {resourceType: "Patient", id: "${id}", active: false}) { active meta { versionId } } }`,
    );
    expect(updated.data.PatientUpdate.active).toBe(false);
    const invalid = await ask(
      version,
      'mutation { PatientCreate(res: {resourceType: "Patient", active: "yes"}) { id } }',
    );
    expect(invalid.data).toEqual({ PatientCreate: null });
    expect(invalid.errors?.[0]?.extensions.resource.issue[0].expression).toEqual(['Patient.active']);
    await ask(version, `mutation { PatientDelete(id: "${id}") { id } }`);
    expect((await send(version, `Patient/${id}`)).status).toBe(410);
  });
});

describe('what a request must look like', () => {
  test.each<[string, RequestInit & { path?: string }, number]>([
    ['a query that cannot be read', { body: '{"query":"{"}' }, 400],
    ['an unknown field', { body: '{"query":"{ Patient(id: \\"1\\") { colour } }"}' }, 400],
    ['no JSON', { body: 'query' }, 400],
    ['an array', { body: '[]' }, 400],
    ['no query', { body: '{}' }, 400],
    ['variables that are no object', { body: '{"query":"{ PatientList { id } }","variables":[1]}' }, 400],
    [
      'a variable of a wrong type',
      { body: '{"query":"query ($n: Int) { PatientList(_count: $n) { id } }","variables":{"n":"x"}}' },
      400,
    ],
    ['a query as such', { body: '{ PatientList { id } }', headers: { 'content-type': 'application/graphql' } }, 200],
    ['another type of body', { body: 'a', headers: { 'content-type': 'text/plain' } }, 415],
    [
      'a mutation by GET',
      { method: 'GET', path: `$graphql?query=${encodeURIComponent('mutation { PatientDelete(id: "1") { id } }')}` },
      405,
    ],
    ['an unknown type', { method: 'GET', path: 'Unicorn/1/$graphql?query=%7Bid%7D' }, 404],
    ['no token', { body: '{"query":"{ PatientList { id } }"}', headers: { authorization: '' } }, 401],
    [
      'a NUL in a variable',
      { body: '{"query":"query ($n: String) { PatientList(name: $n) { id } }","variables":{"n":"\\u0000"}}' },
      200,
    ],
  ])('%s', async (_name, { path = '$graphql', ...init }, status) => {
    const response = await send('4.0.1', path, { method: 'POST', ...init });
    const text = await response.text();
    expect([response.status, text.slice(0, 200)]).toEqual([status, expect.any(String)]);
    if (status !== 200) expect(text).toMatch(/"errors":\[|"resourceType":"OperationOutcome"/);
  });

  test('the answer has the type that GraphQL clients ask for', async () => {
    const response = await send('4.0.1', '$graphql', {
      method: 'POST',
      body: '{"query":"{ __typename }"}',
      headers: { accept: 'application/graphql-response+json, application/json;q=0.9' },
    });
    expect(response.headers.get('content-type')).toBe('application/graphql-response+json; charset=utf-8');
    expect(await response.json()).toEqual({ data: { __typename: 'Query' } });
  });

  test('extended meta is shown as by REST: only when it is asked for', async () => {
    const id = await create('4.0.1', { resourceType: 'Patient' });
    const body = JSON.stringify({ query: `{ Patient(id: "${id}") { meta { project author { reference } } } }` });
    const plain = await send('4.0.1', '$graphql', { method: 'POST', body });
    expect(((await plain.json()) as Result).data.Patient.meta).toEqual({ project: null, author: null });
    const extended = await send('4.0.1', '$graphql', { method: 'POST', body, headers: { 'x-medplum': 'extended' } });
    expect(((await extended.json()) as Result).data.Patient.meta.project).toBe(projects.get('4.0.1')?.project.id);
  });

  test('an entry of a batch is refused before it has changed anything', async () => {
    const query = 'mutation { PatientCreate(res: {resourceType: "Patient", language: "tlh"}) { id } }';
    const entry = { resource: { resourceType: 'Parameters', query }, request: { method: 'POST', url: '$graphql' } };
    const batch = await send('4.0.1', '', {
      method: 'POST',
      body: JSON.stringify({ resourceType: 'Bundle', type: 'batch', entry: [entry] }),
    });
    expect(JSON.stringify(await expectStatus(batch, 200))).toContain('send it by itself');
    const { data } = await ask('4.0.1', '{ PatientList(_filter: "language eq tlh") { id } }');
    expect(data.PatientList).toEqual([]);
  });

  test('nothing of another project can be reached', async () => {
    const id = await create('4.3.0', { resourceType: 'Patient' });
    const { data } = await ask('4.0.1', `{ Patient(id: "${id}") { id } PatientList(_id: "${id}") { id } }`);
    expect(data).toEqual({ Patient: null, PatientList: [] });
  });
});

describe('an unmodified MedplumClient', () => {
  let medplum: MedplumClient;

  beforeAll(async () => {
    const { project } = projects.get('4.0.1') ?? {};
    medplum = new MedplumClient({ baseUrl: project?.baseUrl ?? '', fetch: globalThis.fetch });
    await medplum.startClientLogin(project?.adminClient.clientId ?? '', project?.adminClient.clientSecret ?? '');
  });

  test.each(['Patient', 'Observation', 'ProjectMembership', 'AccessPolicy'])(
    'learns the schema of %s',
    async (type) => {
      await medplum.requestSchema(type);
      expect(Object.keys(getDataType(type).elements)).toContain('meta');
    },
  );

  test('sends queries with aliases, commas and underscores', async () => {
    const patient = await medplum.createResource<Patient>({
      resourceType: 'Patient',
      name: [{ given: ['Nia'], family: 'Harbour' }],
    });
    const first = await medplum.createResource<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'first' },
      subject: { reference: `Patient/${patient.id}` },
    });
    await medplum.createResource<Observation>({
      resourceType: 'Observation',
      status: 'final',
      code: { text: 'second' },
      derivedFrom: [{ reference: `Observation/${first.id}` }],
    });
    const { data } = await medplum.graphql(`{
      Patients1: PatientList(name: "harbour", _count: 5) { resourceType, id, identifier { system, value }, name { given, family }, birthDate }
      second: ObservationList(derived_from: "Observation/${first.id}", _sort: "-_lastUpdated", _count: 1) { code { text } }
    }`);
    expect(data.Patients1).toEqual([
      {
        resourceType: 'Patient',
        id: patient.id,
        identifier: null,
        name: [{ given: ['Nia'], family: 'Harbour' }],
        birthDate: null,
      },
    ]);
    expect(data.second).toEqual([{ code: { text: 'second' } }]);
  });
});
