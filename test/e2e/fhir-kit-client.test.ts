/** fhir-kit-client, unmodified, against a project. */
import { Client } from 'fhir-kit-client';
import type { Bundle, CapabilityStatement, Observation, OperationOutcome, Patient } from 'fhir/r4.js';
import { aDatabase, type RunningPlatform, startPlatform } from '#testing';

let platform: RunningPlatform;
let client: Client;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  const project = await platform.createProject('kit-clinic');
  client = new Client({
    baseUrl: `${project.baseUrl}fhir/R4`,
    bearerToken: await platform.clientToken(project),
  });
}, 120_000);

afterAll(() => platform?.stop());

const resourceType = 'Patient';

async function create(patient: Omit<Patient, 'resourceType'>, options?: object): Promise<Patient & { id: string }> {
  return as(await client.create({ resourceType, body: { resourceType, ...patient }, ...(options ? { options } : {}) }));
}

/** The library types every answer as any resource. */
const as = <T>(answer: unknown): T => answer as T;
const ids = (bundle: unknown): (string | undefined)[] =>
  (as<Bundle>(bundle).entry ?? []).map(({ resource }) => resource?.id);

async function failure(call: Promise<unknown>): Promise<{ status: number; outcome: OperationOutcome }> {
  const error = await call.then(
    () => undefined,
    (reason: unknown) => reason as { response?: { status: number; data: OperationOutcome } },
  );
  if (error?.response === undefined)
    throw new Error('The call did not fail with an answer of the server.', { cause: error });
  return { status: error.response.status, outcome: error.response.data };
}

describe('fhir-kit-client', () => {
  test('reads the capability statement', async () => {
    const statement = as<CapabilityStatement>(await client.capabilityStatement());
    expect([statement.resourceType, statement.fhirVersion]).toEqual(['CapabilityStatement', '4.0.1']);
  });

  test('creates, reads, updates and deletes a Patient', async () => {
    const created = await create({ name: [{ family: 'Kit', given: ['Ona'] }], active: true });
    expect(created.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await client.read({ resourceType, id: created.id })).toEqual(created);

    const updated = as<Patient>(
      await client.update({ resourceType, id: created.id, body: { ...created, active: false } }),
    );
    expect(updated).toMatchObject({ id: created.id, active: false });
    const version = created.meta?.versionId ?? '';
    expect(await client.vread({ resourceType, id: created.id, version })).toEqual(created);

    await client.delete({ resourceType, id: created.id });
    expect(await failure(client.read({ resourceType, id: created.id }))).toMatchObject({
      status: 410,
      outcome: { resourceType: 'OperationOutcome' },
    });
  });

  test('patches with JSON Patch', async () => {
    const created = await create({ active: true, name: [{ family: 'Before' }] });
    const patched = await client.patch({
      resourceType,
      id: created.id,
      jsonPatch: [
        { op: 'test', path: '/active', value: true },
        { op: 'replace', path: '/name/0/family', value: 'After' },
        { op: 'add', path: '/gender', value: 'female' },
      ],
    });
    expect(patched).toMatchObject({ id: created.id, active: true, name: [{ family: 'After' }], gender: 'female' });
    expect(await client.read({ resourceType, id: created.id })).toEqual(patched);
  });

  test('searches by GET and by POST, and pages through what it finds', async () => {
    const family = 'Pager';
    const made = [];
    for (const given of ['Ada', 'Ben', 'Cyd', 'Dee', 'Eli'])
      made.push(await create({ name: [{ family, given: [given] }] }));
    const expected = made.map(({ id }) => id);

    const all = await client.search({ resourceType, searchParams: { name: family } });
    expect(ids(all)).toEqual(expected);
    const posted = await client.search({ resourceType, searchParams: { family }, options: { postSearch: true } });
    expect(ids(posted)).toEqual(expected);

    const pages: unknown[] = [];
    let bundle: unknown = await client.search({ resourceType, searchParams: { family, _count: 2 } });
    while (bundle !== undefined) {
      pages.push(ids(bundle));
      bundle = await client.nextPage({ bundle: as(bundle) });
    }
    expect(pages).toEqual([expected.slice(0, 2), expected.slice(2, 4), expected.slice(4)]);
  });

  test('searches in a compartment and over the system', async () => {
    const patient = await create({ name: [{ family: 'Compartment' }] });
    const body = { resourceType: 'Observation', status: 'final', code: { text: 'in' } };
    const observation = as<Observation>(
      await client.create({
        resourceType: 'Observation',
        body: { ...body, subject: { reference: `Patient/${patient.id}` } },
      }),
    );
    await client.create({ resourceType: 'Observation', body });
    const inCompartment = await client.search({
      resourceType: 'Observation',
      compartment: { resourceType: 'Patient', id: patient.id },
    });
    expect(ids(inCompartment)).toEqual([observation.id]);
    const overall = await client.search({ searchParams: { _type: 'Patient,Observation', _id: observation.id ?? '' } });
    expect(ids(overall)).toEqual([observation.id]);
  });

  test('follows a reference', async () => {
    const patient = await create({ name: [{ family: 'Target' }] });
    expect(await client.resolve({ reference: `Patient/${patient.id}` })).toEqual(patient);
  });

  test('reads the history of an instance, of a type and of the system', async () => {
    const created = await create({ active: true });
    await client.update({ resourceType, id: created.id, body: { ...created, active: false } });
    const versions = as<Bundle>(await client.history({ resourceType, id: created.id }));
    expect(versions).toMatchObject({ type: 'history', total: 2 });
    expect(versions.entry?.map(({ request }) => request?.method)).toEqual(['PUT', 'POST']);
    const newest = { resource: { id: created.id, active: false } };
    expect(as<Bundle>(await client.history({ resourceType })).entry?.[0]).toMatchObject(newest);
    expect(as<Bundle>(await client.history()).entry?.[0]).toMatchObject(newest);
  });

  test('sends a batch and a transaction', async () => {
    const entry = { resource: { resourceType, active: true }, request: { method: 'POST', url: resourceType } };
    const broken = { ...entry, resource: { resourceType, active: 'yes' } };
    const batch = as<Bundle>(
      await client.batch({ body: { resourceType: 'Bundle', type: 'batch', entry: [entry, broken] } }),
    );
    expect(batch.entry?.map(({ response }) => response?.status.slice(0, 3))).toEqual(['201', '400']);
    const transaction = as<Bundle>(
      await client.transaction({ body: { resourceType: 'Bundle', type: 'transaction', entry: [entry, entry] } }),
    );
    expect(transaction.entry?.map(({ response }) => response?.status.slice(0, 3))).toEqual(['201', '201']);
    const refused = client.transaction({
      body: { resourceType: 'Bundle', type: 'transaction', entry: [entry, broken] },
    });
    expect((await failure(refused)).status).toBe(400);
  });

  test('creates only what does not exist, and updates by criteria', async () => {
    const identifier = [{ system: 'urn:test:kit', value: 'once' }];
    const headers = { 'If-None-Exist': 'identifier=urn:test:kit|once' };
    const first = await create({ identifier }, { headers });
    const second = await create({ identifier }, { headers });
    expect(second.id).toBe(first.id);

    const updated = as<Patient>(
      await client.update({
        resourceType,
        searchParams: { identifier: 'urn:test:kit|once' },
        body: { resourceType, identifier, active: true },
      }),
    );
    expect(updated).toMatchObject({ id: first.id, active: true });
  });

  test('calls the operations $validate and $everything', async () => {
    const outcome = await client.operation({
      name: 'validate',
      resourceType,
      input: { resourceType, gender: 'unsaid' },
    });
    expect(outcome).toMatchObject({ resourceType: 'OperationOutcome', issue: [{ severity: 'error' }] });

    const patient = await create({ name: [{ family: 'Everything' }] });
    const everything = await client.operation({ name: 'everything', resourceType, id: patient.id, method: 'GET' });
    expect(ids(everything)).toEqual([patient.id]);
  });
});
