import { MedplumClient, OperationOutcomeError } from '@medplum/core';
import { aDatabase, type CreatedProject, type RunningPlatform, startPlatform } from '#testing';
import type { Bundle, Observation, Patient } from '@medplum/fhirtypes';

let platform: RunningPlatform;
let project: CreatedProject;
let medplum: MedplumClient;

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  project = await platform.createProject('quay-clinic');
  medplum = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch });
  await medplum.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
}, 120_000);

afterAll(() => platform?.stop());

describe('an unmodified MedplumClient against the path base URL', () => {
  test('knows its project and profile after the client login', () => {
    expect(medplum.getProject()?.id).toBe(project.id);
    expect(medplum.getProfile()?.id).toBe(project.adminClient.clientId);
  });

  test('creates, reads, updates and deletes a Patient', async () => {
    const created = await medplum.createResource<Patient>({
      resourceType: 'Patient',
      name: [{ family: 'Harbour', given: ['Nia'] }],
      birthDate: '1990-04-01',
    });
    expect(created.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.meta).toMatchObject({ versionId: expect.any(String), project: project.id });

    const read = await medplum.readResource('Patient', created.id);
    expect(read).toEqual(created);

    const updated = await medplum.updateResource<Patient>({ ...created, active: true });
    expect(updated.meta?.versionId).not.toBe(created.meta?.versionId);
    const history = await medplum.readHistory('Patient', created.id);
    expect(history.entry?.map((entry) => entry.resource?.meta?.versionId)).toEqual([
      updated.meta?.versionId,
      created.meta?.versionId,
    ]);

    await medplum.deleteResource('Patient', created.id);
    const gone = await medplum.readResource('Patient', created.id).then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(gone).toBeInstanceOf(OperationOutcomeError);
    expect((gone as OperationOutcomeError).outcome.id).toBe('gone');
  });

  test('searches with searchOne, searchResources and searchResourcePages', async () => {
    const marker = { system: 'urn:test:pages', code: 'p' };
    for (let index = 0; index < 5; index++) {
      await medplum.createResource<Patient>({
        resourceType: 'Patient',
        meta: { tag: [marker] },
        identifier: [{ system: 'urn:test:mrn', value: `mrn-${index}` }],
        name: [{ family: `Page${index}` }],
      });
    }
    const one = await medplum.searchOne('Patient', { identifier: 'urn:test:mrn|mrn-3' });
    expect(one?.name?.[0]?.family).toBe('Page3');
    const all = await medplum.searchResources('Patient', '_tag=urn:test:pages|p&_sort=-_lastUpdated');
    expect(all.map((patient) => patient.name?.[0]?.family)).toEqual(['Page4', 'Page3', 'Page2', 'Page1', 'Page0']);
    const bundle = await medplum.search('Patient', '_tag=urn:test:pages|p&_total=accurate&_count=2');
    expect(bundle.total).toBe(5);
    expect(bundle.entry).toHaveLength(2);
    const pages: string[][] = [];
    for await (const page of medplum.searchResourcePages('Patient', '_tag=urn:test:pages|p&_count=2')) {
      pages.push(page.map((patient) => patient.name?.[0]?.family as string));
    }
    expect(pages).toEqual([['Page0', 'Page1'], ['Page2', 'Page3'], ['Page4']]);
  });

  test('creates if none exists and upserts', async () => {
    const patient: Patient = { resourceType: 'Patient', identifier: [{ system: 'urn:test:once', value: '1' }] };
    const first = await medplum.createResourceIfNoneExist(patient, 'identifier=urn:test:once|1');
    const second = await medplum.createResourceIfNoneExist(patient, 'identifier=urn:test:once|1');
    expect(second.id).toBe(first.id);
    const upserted = await medplum.upsertResource({ ...patient, active: true }, 'identifier=urn:test:once|1');
    expect(upserted).toMatchObject({ id: first.id, active: true });
  });

  test('runs a transaction whose entries refer to each other', async () => {
    const answer = await medplum.executeBatch({
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [
        {
          fullUrl: 'urn:uuid:5ba0a54f-4d8b-4b4f-9c7c-6f3f2a3c1d11',
          resource: { resourceType: 'Patient', name: [{ family: 'Transact' }] },
          request: { method: 'POST', url: 'Patient' },
        },
        {
          resource: {
            resourceType: 'Observation',
            status: 'final',
            code: { coding: [{ system: 'http://loinc.org', code: '8867-4' }] },
            subject: { reference: 'urn:uuid:5ba0a54f-4d8b-4b4f-9c7c-6f3f2a3c1d11' },
            valueQuantity: { value: 72, unit: '/min' },
          },
          request: { method: 'POST', url: 'Observation' },
        },
      ],
    });
    expect(answer.entry?.map((entry) => entry.response?.status)).toEqual(['201', '201']);
    const patientId = answer.entry?.[0]?.resource?.id as string;
    const observations = await medplum.searchResources('Observation', { subject: `Patient/${patientId}` });
    expect(observations.map((observation: Observation) => observation.subject?.reference)).toEqual([
      `Patient/${patientId}`,
    ]);
  });

  test('gathers reads into one batch and keeps each answer apart', async () => {
    const batching = new MedplumClient({ baseUrl: project.baseUrl, fetch: globalThis.fetch, autoBatchTime: 20 });
    await batching.startClientLogin(project.adminClient.clientId, project.adminClient.clientSecret);
    const patient = await medplum.createResource<Patient>({ resourceType: 'Patient', active: true });
    const [found, missing, search] = await Promise.allSettled([
      batching.readResource('Patient', patient.id),
      batching.readResource('Patient', '00000000-0000-4000-8000-000000000000'),
      batching.search('Patient', `_id=${patient.id}`),
    ]);
    expect(found.status).toBe('fulfilled');
    expect(missing.status).toBe('rejected');
    expect(search.status === 'fulfilled' && (search.value as Bundle).entry?.[0]?.resource?.id).toBe(patient.id);
  });

  test('exports in bulk, and has a Bundle carried out later', async () => {
    const patient = await medplum.createResource<Patient>({ resourceType: 'Patient', active: true });
    const following = { pollStatusOnAccepted: true, pollStatusPeriod: 50 };
    const { output } = await medplum.bulkExport('Patient', 'Patient', undefined, following);
    const file = await (await medplum.download(output?.[0]?.url ?? '')).text();
    const exported = file
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Patient);
    expect(exported.find(({ id }) => id === patient.id)).toEqual(await medplum.readResource('Patient', patient.id));

    const bundle: Bundle = {
      resourceType: 'Bundle',
      type: 'transaction',
      entry: [{ resource: { resourceType: 'Patient' }, request: { method: 'POST', url: 'Patient' } }],
    };
    const answer = await medplum.startAsyncRequest<Bundle>(medplum.fhirUrl().toString(), {
      ...following,
      body: JSON.stringify(bundle),
    });
    expect(answer.type).toBe('transaction-response');
    const made = answer.entry?.[0]?.resource?.id ?? '';
    expect((await medplum.readResource('Patient', made)).id).toBe(made);
  });

  test('expands value sets for fields in which people choose codes', async () => {
    const marital = { url: 'http://hl7.org/fhir/ValueSet/marital-status', count: 10 };
    const all = await medplum.valueSetExpand({ ...marital, filter: '' });
    expect(all.expansion?.contains).toHaveLength(10);
    const found = await medplum.valueSetExpand({ ...marital, filter: 'mar' });
    expect(found.expansion?.contains?.[0]).toEqual({
      system: 'http://terminology.hl7.org/CodeSystem/v3-MaritalStatus',
      code: 'M',
      display: 'Married',
    });
    const types = await medplum.valueSetExpand({
      url: 'https://medplum.com/fhir/ValueSet/resource-types',
      filter: 'Pat',
      count: 5,
    });
    expect(types.expansion?.contains?.map(({ code }) => code)).toEqual(['Patient']);
    await medplum.createResource({
      resourceType: 'ValueSet',
      status: 'active',
      url: 'http://sets.example/colours',
      compose: { include: [{ system: 'http://codes.example/colours', concept: [{ code: 'r', display: 'Red' }] }] },
    });
    const own = await medplum.valueSetExpand({ url: 'http://sets.example/colours', filter: 'r' });
    expect(own.expansion?.contains?.[0]?.display).toBe('Red');
    await expect(medplum.valueSetExpand({ url: 'http://sets.example/none' })).rejects.toThrow(
      /http:\/\/sets.example\/none/,
    );
  });

  test('expands those of R5 in a project of R5', async () => {
    const five = await platform.createProject('quay-clinic-five', { fhirVersion: '5.0.0' });
    const client = new MedplumClient({ baseUrl: five.baseUrl, fhirUrlPath: 'fhir/R5', fetch: globalThis.fetch });
    await client.startClientLogin(five.adminClient.clientId, five.adminClient.clientSecret);
    const status = { url: 'http://hl7.org/fhir/ValueSet/encounter-status|5.0.0', filter: 'dis', count: 10 };
    const found = await client.valueSetExpand(status);
    expect(found.expansion?.contains?.map(({ code }) => code)).toEqual(['discharged', 'discontinued']);
  });

  test('reports a bad element with its path', async () => {
    const error = await medplum
      .createResource({ resourceType: 'Patient', name: [{ given: 'Ana' }] } as unknown as Patient)
      .then(
        () => undefined,
        (reason: unknown) => reason,
      );
    expect((error as OperationOutcomeError).outcome.issue?.[0]?.expression).toEqual(['Patient.name[0].given']);
  });
});
