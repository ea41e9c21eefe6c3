/** What a bulk export of the system holds, with whose rights, through a whole data plane. */
import path from 'node:path';
import { MedplumClient } from '@medplum/core';
import type { JsonObject } from '#fhir';
import { ExportClient, far, identities, identityOf, near, policy } from './bulk-export.fixture.js';
import { JobClient, later, type Manifest } from './jobs.fixture.js';

let client: ExportClient;
beforeAll(async () => {
  client = await ExportClient.open();
});
afterAll(() => client?.close());

// A member may have only so many.
afterEach(() => client.forgetJobs());

/** What a search shows, as lines. */
async function searched(query: string, headers: Record<string, string>): Promise<string[]> {
  const { text } = await client.get(query, headers);
  const { entry = [] } = JSON.parse(text) as { entry?: { resource: unknown }[] };
  return entry.map(({ resource }) => JSON.stringify(resource));
}

describe('an export of the system', () => {
  test('has a manifest and files of lines, which hold what a search of all types shows, text by text', async () => {
    const accepted = await client.send('GET', '$export', undefined, later);
    expect([accepted.status, accepted.json.resourceType]).toEqual([202, 'OperationOutcome']);
    const location = String(accepted.headers['content-location']);
    expect(location).toMatch(new RegExp(`^${client.plane.url}/p/bulk/fhir/R4/bulkdata/export/[0-9a-f-]{36}$`));
    const answer = await client.ended(client.pathOf(location));
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const expires = Date.parse(String(answer.headers.expires)) - Date.now();
    expect(expires / 3_600_000).toBeGreaterThan(23);
    const manifest = JSON.parse(answer.text) as Manifest;
    expect(manifest).toMatchObject({
      request: `${client.plane.url}/p/bulk/fhir/R4/$export`,
      requiresAccessToken: true,
      deleted: [],
      error: [],
    });
    expect(Date.parse(manifest.transactionTime)).toBeLessThanOrEqual(Date.now());
    const lines = await client.linesOf(manifest);
    const shown = await searched('?_count=1000', {});
    expect(lines.sort()).toEqual(shown.sort());
    expect(lines.length).toBeGreaterThan(near.length + far.length);
    const [{ url, type } = { url: '', type: '' }] = manifest.output;
    expect(url).toBe(`${location}/${type}-1.ndjson`);
    const file = await client.get(client.pathOf(url), { accept: 'application/fhir+ndjson' });
    expect(file.headers).toMatchObject({
      'content-type': 'application/fhir+ndjson',
      'content-length': String(file.bytes.length),
      'x-content-type-options': 'nosniff',
    });
    // What lies in the storage is nothing that could be read there.
    expect(client.storedFiles().length).toBe(manifest.output.length);
  });

  test('of a member holds what the member may see, without hidden fields and without a word of others', async () => {
    const member = await client.member(policy);
    const manifest = await client.exported('$export', member);
    const lines = await client.linesOf(manifest, member);
    expect(lines.slice().sort()).toEqual((await searched('?_count=1000', member)).sort());
    expect(identities(lines)).toEqual([
      'Observation/of-ana',
      'Observation/of-ben',
      'Observation/of-both',
      'Organization/near',
      'Patient/ana',
      'Patient/ben',
    ]);
    expect(JSON.stringify([manifest, lines])).not.toMatch(/"1970-|qzxcanary|\/far/);
    const named = await client.linesOf(await client.exported('$export?_type=Patient,Observation', member), member);
    expect(identities(named)).toEqual(identities(lines).filter((name) => !name.startsWith('Organization')));
  });

  test('has the members of meta that the caller wants to see', async () => {
    const read = async (headers: Record<string, string>) => {
      const lines = await client.linesOf(await client.exported('$export?_type=Patient', headers));
      return JSON.parse(lines.find((line) => identityOf(line) === 'Patient/ana') ?? '') as { meta: JsonObject };
    };
    expect((await read({ 'x-medplum': 'extended' })).meta.project).toBe(client.project.id);
    expect((await read({})).meta.project).toBeUndefined();
  });

  test('never has secrets of programs, Logins or contents', async () => {
    const { output } = await client.exported('$export');
    const types = output.map(({ type }) => type);
    expect(types).toContain('ClientApplication');
    for (const type of ['Login', 'Binary', 'JsonWebKey']) expect(types).not.toContain(type);
    const lines = await client.linesOf(await client.exported('$export?_type=ClientApplication,User'));
    expect(lines.join()).not.toMatch(/secret|password/i);
  });

  test('has of a type what has changed since, up to a moment, and what filters find', async () => {
    const before = await client.exported('$export?_type=Patient');
    await client.put({ resourceType: 'Patient', id: 'new', name: [{ family: 'New' }] });
    const since = await client.linesOf(await client.exported(`$export?_type=Patient&_since=${before.transactionTime}`));
    expect(identities(since)).toContain('Patient/new');
    expect(identities(since)).not.toContain('Patient/ana');
    const until = await client.linesOf(await client.exported(`$export?_type=Patient&_until=${before.transactionTime}`));
    expect(identities(until)).not.toContain('Patient/new');
    const filter = `_typeFilter=${encodeURIComponent('Observation?status=preliminary')}&_typeFilter=${encodeURIComponent('Observation?date=2020')}`;
    const filtered = await client.linesOf(await client.exported(`$export?_type=Observation,Patient&${filter}`));
    expect(identities(filtered.filter((line) => identityOf(line).startsWith('Observation')))).toEqual([
      'Observation/of-ana',
      'Observation/of-ben',
      'Observation/of-both',
    ]);
    expect(identities(filtered)).toContain('Patient/ana');
    await client.send('DELETE', 'Patient/new');
  });

  test('of several pages and files has each resource once', async () => {
    const entry = Array.from({ length: 6_200 }, (_, index) => ({
      request: { method: 'POST', url: 'Basic' },
      resource: { resourceType: 'Basic', code: { text: `b${index}` } },
    }));
    const made = await client.send('POST', '', { resourceType: 'Bundle', type: 'transaction', entry });
    expect(made.status).toBe(200);
    const manifest = await client.exported('$export?_type=Basic');
    expect(manifest.output.map(({ count, url }) => [count, path.basename(url)])).toEqual([
      [5_000, 'Basic-1.ndjson'],
      [1_200, 'Basic-2.ndjson'],
    ]);
    const lines = await client.linesOf(manifest);
    expect(new Set(lines.map(identityOf)).size).toBe(6_200);
  });

  test('can be made with bulkExport of an unmodified MedplumClient', async () => {
    const medplum = new MedplumClient({
      baseUrl: `${client.plane.url}${client.project.path}`,
      fetch: globalThis.fetch,
    });
    await medplum.startClientLogin(client.project.clientId, client.project.clientSecret);
    const answer = await medplum.bulkExport('', 'Patient,Observation', undefined, {
      pollStatusOnAccepted: true,
      pollStatusPeriod: 20,
    });
    expect(answer.output?.map(({ type }) => type)).toEqual(['Patient', 'Observation']);
    const blob = await medplum.download(answer.output?.[0]?.url ?? '');
    expect((await blob.text()).split('\n').slice(0, -1).map(identityOf)).toContain('Patient/ana');
    const ofPatients = await medplum.bulkExport('Patient', undefined, '2000-01-01T00:00:00Z', {
      pollStatusOnAccepted: true,
      pollStatusPeriod: 20,
    });
    expect(ofPatients.output?.map(({ type }) => type).sort()).toEqual(['Observation', 'Patient']);
  });
});

describe('the rights with which an export is made', () => {
  test('are those that the scopes of the log-in leave', async () => {
    const answer = await client.plane.call({
      method: 'POST',
      path: `${client.project.path}oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: client.project.clientId,
        client_secret: client.project.clientSecret,
        scope: 'system/Patient.rs?birthdate=1970-01-02',
      }).toString(),
    });
    const token = { authorization: `Bearer ${answer.json.access_token}` };
    expect(identities(await client.linesOf(await client.exported('$export', token), token))).toEqual(['Patient/ana']);
    // Of the same program, in another log-in and without scopes.
    const whole = await client.start('$export?_type=Patient');
    const { output } = JSON.parse((await client.ended(whole)).text) as Manifest;
    for (const address of [whole, client.pathOf(output[0]?.url ?? '')]) {
      expect((await client.get(address, token)).status).toBe(404);
    }
  });

  test('are those of the member on whose behalf an administrator acts, who may have it too', async () => {
    const member = await client.member(policy);
    const { id } = (await client.membershipOf(member)) as { id: string };
    const acting = { 'x-medplum-on-behalf-of': `ProjectMembership/${id}` };
    const manifest = await client.exported('$export?_type=Patient', acting);
    for (const headers of [acting, member]) {
      expect(identities(await client.linesOf(manifest, headers))).toEqual(['Patient/ana', 'Patient/ben']);
    }
  });
});

test('an export of AuditEvents has those of the log, each once', async () => {
  const lines = await client.linesOf(await client.exported('$export?_type=AuditEvent'));
  expect(lines.length).toBeGreaterThan(20);
  expect(new Set(lines.map(identityOf)).size).toBe(lines.length);
});

test.each(['4.3.0', '5.0.0'])('a project of FHIR %s has exports too', async (versionId) => {
  const other = new JobClient(
    client.plane,
    await client.plane.createProject(`bulk-${versionId.replaceAll('.', '-')}`, versionId),
  );
  const patient = await other.put({ resourceType: 'Patient' });
  const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
  await other.put({ ...observation, subject: { reference: `Patient/${patient}` } });
  await other.put(observation);
  const lines = await other.linesOf(await other.exported('Patient/$export'));
  expect(lines.map((line) => identityOf(line).split('/')[0]).sort()).toEqual(['Observation', 'Patient']);
});

test('an export is declared with its definitions', async () => {
  const statement = (await client.get('metadata')).json as unknown as {
    instantiates: string[];
    rest: {
      operation: { name: string; definition: string }[];
      resource: { type: string; operation: { name: string; definition: string }[] }[];
    }[];
  };
  const base = 'http://hl7.org/fhir/uv/bulkdata/OperationDefinition/';
  const exportOf = (operations: { name: string; definition: string }[] = []) =>
    operations.filter(({ name }) => name === 'export').map(({ definition }) => definition);
  expect(exportOf(statement.rest[0]?.operation)).toEqual([`${base}export`]);
  const types = statement.rest[0]?.resource.filter(({ operation }) => exportOf(operation).length > 0);
  expect(types?.map(({ type, operation }) => [type, exportOf(operation)])).toEqual([
    ['Group', [`${base}group-export`]],
    ['Patient', [`${base}patient-export`]],
  ]);
  for (const name of ['export', 'patient-export', 'group-export']) {
    const definition = await client.get(`OperationDefinition?url=${base}${name}`);
    expect(definition.json.entry[0]?.resource).toMatchObject({ id: name, code: 'export' });
  }
  expect(statement.instantiates).toEqual(['http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data']);
});
