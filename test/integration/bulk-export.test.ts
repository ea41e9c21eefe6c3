/** Bulk exports through a whole data plane. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { MedplumClient } from '@medplum/core';
import type { JsonObject } from '#fhir';
import { sql } from '#postgres';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { jobIdOf, JobClient, later, type Manifest } from './jobs.fixture.js';

const dataDir = mkdtempSync(path.join(tmpdir(), 'export-'));
let plane: TestPlane;
let project: TestProject;
let client: JobClient;

const identityOf = (line: string): string => {
  const { resourceType, id } = JSON.parse(line) as { resourceType: string; id: string };
  return `${resourceType}/${id}`;
};
const identities = (lines: readonly string[]): string[] => lines.map(identityOf).sort();
const filedUnder = (name: string) => ({ meta: { accounts: [{ reference: `Organization/${name}` }] } });

const near: JsonObject[] = [
  { resourceType: 'Organization', id: 'near', name: 'Near' },
  { resourceType: 'Patient', id: 'ana', ...filedUnder('near'), name: [{ family: 'Quay' }], birthDate: '1970-01-02' },
  { resourceType: 'Patient', id: 'ben', ...filedUnder('near'), name: [{ family: 'Pier' }] },
  { resourceType: 'Practitioner', id: 'kim', name: [{ family: 'Kim' }] },
  ...['ana', 'ben'].map((id) => ({
    resourceType: 'Observation',
    id: `of-${id}`,
    status: 'final',
    code: { text: 'pulse' },
    subject: { reference: `Patient/${id}` },
    effectiveDateTime: '2020-05-06',
  })),
  {
    resourceType: 'Observation',
    id: 'of-both',
    status: 'preliminary',
    code: { text: 'pulse' },
    subject: { reference: 'Patient/ana' },
    performer: [{ reference: 'Patient/ben' }],
  },
];
const canary = 'qzxcanary';
const far: JsonObject[] = [
  { resourceType: 'Organization', id: 'far', name: canary },
  { resourceType: 'Patient', id: 'far-patient', ...filedUnder('far'), name: [{ family: canary }] },
  {
    resourceType: 'Observation',
    id: 'far-observation',
    status: 'final',
    code: { text: canary },
    subject: { reference: 'Patient/far-patient' },
  },
];
const policy = {
  resource: [
    { resourceType: 'Organization', criteria: 'Organization?_id=near' },
    { resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/near', hiddenFields: ['birthDate'] },
    { resourceType: 'Observation', criteria: 'Observation?_compartment=Organization/near' },
    { resourceType: 'Group' },
    { resourceType: 'Binary' },
  ],
};

beforeAll(async () => {
  plane = await aDataPlane({ dataDir });
  project = await plane.createProject('bulk');
  client = new JobClient(plane, project);
  for (const resource of [...near, ...far]) await client.put(resource);
});

afterAll(async () => {
  await plane?.close();
  rmSync(dataDir, { recursive: true });
});

// A member may have only so many.
afterEach(() => client.forgetJobs());

const storedFiles = (): string[] =>
  readdirSync(path.join(dataDir, 'files'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => name);

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
    expect(location).toMatch(new RegExp(`^${plane.url}/p/bulk/fhir/R4/bulkdata/export/[0-9a-f-]{36}$`));
    const answer = await client.ended(client.pathOf(location));
    expect(answer.status).toBe(200);
    expect(answer.headers['content-type']).toMatch(/^application\/json/);
    const expires = Date.parse(String(answer.headers.expires)) - Date.now();
    expect(expires / 3_600_000).toBeGreaterThan(23);
    const manifest = JSON.parse(answer.text) as Manifest;
    expect(manifest).toMatchObject({
      request: `${plane.url}/p/bulk/fhir/R4/$export`,
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
    expect(storedFiles().length).toBe(manifest.output.length);
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
    expect(JSON.stringify([manifest, lines])).not.toMatch(/1970|qzxcanary|far/);
    const named = await client.linesOf(await client.exported('$export?_type=Patient,Observation', member), member);
    expect(identities(named)).toEqual(identities(lines).filter((name) => !name.startsWith('Organization')));
  });

  test('has the members of meta that the caller wants to see', async () => {
    const read = async (headers: Record<string, string>) => {
      const lines = await client.linesOf(await client.exported('$export?_type=Patient', headers));
      return JSON.parse(lines.find((line) => identityOf(line) === 'Patient/ana') ?? '') as { meta: JsonObject };
    };
    expect((await read({ 'x-medplum': 'extended' })).meta.project).toBe(project.id);
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
  }, 60_000);

  test('can be made with bulkExport of an unmodified MedplumClient', async () => {
    const medplum = new MedplumClient({ baseUrl: `${plane.url}${project.path}`, fetch: globalThis.fetch });
    await medplum.startClientLogin(project.clientId, project.clientSecret);
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
    const answer = await plane.call({
      method: 'POST',
      path: `${project.path}oauth2/token`,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: project.clientId,
        client_secret: project.clientSecret,
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
    const id = Buffer.from(member.authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    const found = await client.get(`ProjectMembership?user=ClientApplication/${id}`);
    const acting = { 'x-medplum-on-behalf-of': `ProjectMembership/${found.json.entry[0]?.resource.id}` };
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
  const other = new JobClient(plane, await plane.createProject(`bulk-${versionId.replaceAll('.', '-')}`, versionId));
  const patient = await other.put({ resourceType: 'Patient' });
  const observation = { resourceType: 'Observation', status: 'final', code: { text: 'x' } };
  await other.put({ ...observation, subject: { reference: `Patient/${patient}` } });
  await other.put(observation);
  const lines = await other.linesOf(await other.exported('Patient/$export'));
  expect(lines.map((line) => identityOf(line).split('/')[0]).sort()).toEqual(['Observation', 'Patient']);
});

describe('an export of charts', () => {
  const group = {
    resourceType: 'Group',
    id: 'ours',
    type: 'person',
    actual: true,
    member: [
      { entity: { reference: 'Patient/ana' } },
      { entity: { reference: 'Patient/far-patient' } },
      { entity: { reference: 'Patient/ben' }, inactive: true },
      { entity: { reference: 'Practitioner/kim' } },
    ],
  };

  test('of all patients has what belongs to any, and nothing else', async () => {
    const lines = await client.linesOf(await client.exported('Patient/$export'));
    expect(identities(lines)).toEqual(
      ['ana', 'ben', 'far-patient']
        .map((id) => `Patient/${id}`)
        .concat(['of-ana', 'of-ben', 'of-both', 'far-observation'].map((id) => `Observation/${id}`))
        .sort(),
    );
  });

  test('of a group has the charts of its members, as far as the caller may see them', async () => {
    const id = await client.put(group);
    const all = await client.linesOf(await client.exported(`Group/${id}/$export`));
    // By FHIR's own definition a group is in the compartments of its members.
    expect(identities(all)).toEqual([
      'Group/ours',
      'Observation/far-observation',
      'Observation/of-ana',
      'Observation/of-both',
      'Patient/ana',
      'Patient/far-patient',
    ]);
    const member = await client.member(policy);
    const seen = await client.linesOf(await client.exported(`Group/${id}/$export`, member), member);
    expect(identities(seen)).toEqual(['Group/ours', 'Observation/of-ana', 'Observation/of-both', 'Patient/ana']);
    const typed = await client.linesOf(await client.exported(`Group/${id}/$export?_type=Patient`, member), member);
    expect(identities(typed)).toEqual(['Patient/ana']);
  });

  test('of a group with many members is what one of few would be', async () => {
    const unknown = Array.from({ length: 150 }, (_, index) => ({ entity: { reference: `Patient/unknown-${index}` } }));
    const id = await client.put({
      ...group,
      id: 'many',
      member: [...unknown, { entity: { reference: 'Patient/ben' } }],
    });
    const expected = ['Group/many', 'Group/ours', 'Observation/of-ben', 'Observation/of-both', 'Patient/ben'];
    expect(identities(await client.linesOf(await client.exported(`Group/${id}/$export`)))).toEqual(expected);
    const member = await client.member(policy);
    const seen = await client.linesOf(await client.exported(`Group/${id}/$export`, member), member);
    expect(identities(seen)).toEqual(expected);
    await client.send('DELETE', 'Group/many');
  });

  test('does not tell whose something is to whom that is hidden', async () => {
    const blind = await client.member({
      resource: [{ resourceType: 'Patient' }, { resourceType: 'Observation', hiddenFields: ['subject'] }],
    });
    const lines = await client.linesOf(await client.exported('Patient/$export', blind), blind);
    expect(identities(lines)).toEqual(['Patient/ana', 'Patient/ben', 'Patient/far-patient']);
    const parameters = {
      resourceType: 'Parameters',
      parameter: [{ name: 'patient', valueReference: { reference: 'Patient/ana' } }],
    };
    const chosen = await client.linesOf(await client.exported('Patient/$export', blind, parameters), blind);
    expect(identities(chosen)).toEqual(['Patient/ana']);
  });

  test('of a group of nobody is empty', async () => {
    const id = await client.put({ ...group, id: 'nobody', member: [{ entity: { reference: 'Practitioner/kim' } }] });
    expect((await client.exported(`Group/${id}/$export`)).output).toEqual([]);
  });

  test('is of chosen patients when they are named', async () => {
    const parameters = (...ids: string[]) => ({
      resourceType: 'Parameters',
      parameter: ids.map((id) => ({ name: 'patient', valueReference: { reference: `Patient/${id}` } })),
    });
    const ben = await client.linesOf(await client.exported('Patient/$export', {}, parameters('ben')));
    expect(identities(ben)).toEqual(['Group/ours', 'Observation/of-ben', 'Observation/of-both', 'Patient/ben']);
    const both = await client.linesOf(await client.exported('Patient/$export', {}, parameters('ben', 'ana')));
    expect(identities(both)).toEqual([
      'Group/ours',
      'Observation/of-ana',
      'Observation/of-ben',
      'Observation/of-both',
      'Patient/ana',
      'Patient/ben',
    ]);
    const member = await client.member(policy);
    const statuses = await Promise.all(
      ['far-patient', 'nobody'].map(async (id) => {
        const answer = await client.send('POST', 'Patient/$export', parameters(id), { ...later, ...member });
        return answer.status;
      }),
    );
    expect(statuses).toEqual([403, 404]);
  });

  test('is only of groups that are there', async () => {
    expect((await client.send('POST', 'Group/none/$export', undefined, later)).status).toBe(404);
    const blind = await client.member({ resource: [{ resourceType: 'Patient' }] });
    const id = await client.put(group);
    expect((await client.send('POST', `Group/${id}/$export`, undefined, { ...later, ...blind })).status).toBe(403);
  });
});

describe('what is wrong with an export', () => {
  test.each([
    ['$export?_type=Nothing', 400],
    ['$export?_type=Binary', 400],
    ['$export?_type=Login', 403],
    ['$export?_outputFormat=text/csv', 400],
    ['$export?_since=yesterday', 400],
    ['$export?_until=', 400],
    ['$export?_type=,', 400],
    ['Patient/$export?patient=', 400],
    ['$export?_typeFilter=Patient?name=', 400],
    ['$export?_typeFilter=Nothing?x=y', 400],
    ['$export?_typeFilter=Patient?nothing=1', 400],
    ['$export?_typeFilter=Patient?_count=1', 400],
    ['$export?_typeFilter=Patient?_include=Patient:organization', 400],
    ['$export?_type=Observation&_typeFilter=Patient?active=true', 400],
    ['$export?_elements=id', 400],
    ['$export?patient=Patient/ana', 400],
    ['Patient/$export?_type=Organization', 400],
    ['Patient/$export?patient=Practitioner/kim', 400],
    ['Patient/ana/$export', 404],
    ['Observation/$export', 404],
    ['Group/$export', 404],
    ['$export?_outputFormat=application/fhir+ndjson&_type=Patient', 202],
  ])('%s is answered %i at once', async (address, status) => {
    const answer = await client.send('POST', address, undefined, later);
    expect([answer.status, answer.json.resourceType]).toEqual([status, 'OperationOutcome']);
    if (status === 202) await client.ended(client.pathOf(String(answer.headers['content-location'])));
  });

  test('is a parameter in a form that its definition does not have', async () => {
    for (const [level, parameter] of [
      ['$export', { name: '_type', valueCoding: { code: 'Patient' } }],
      ['$export', { name: '_since', valuePeriod: { start: '2026-01-01' } }],
      ['$export', { name: '_typeFilter', valueExpression: { expression: 'Patient?active=true' } }],
      ['Patient/$export', { name: 'patient', valueString: 'Patient/ana' }],
    ] as const) {
      const body = { resourceType: 'Parameters', parameter: [parameter] };
      const prefer = 'respond-async, handling=lenient';
      const { status, json } = await client.send('POST', level, body, { prefer });
      const issue = { expression: [parameter.name] };
      expect([status, json.issue[0]]).toMatchObject([400, issue]);
    }
  });

  test('is more than one search may ask for, in all its filters together', async () => {
    const ask = (filters: readonly string[], headers: Record<string, string> = {}, types = 'Patient,Organization') => {
      const parameter = filters.map((valueString) => ({ name: '_typeFilter', valueString }));
      const body = { resourceType: 'Parameters', parameter };
      return client.send('POST', `$export?_type=${types}`, body, { ...later, ...headers });
    };
    const before = (await client.jobs()).length;
    for (const filters of [
      Array.from({ length: 280_000 }, (_, index) => `Patient?name=a${index}`),
      Array.from({ length: 101 }, () => 'Patient?active=true'),
      Array.from({ length: 51 }, () => 'Patient?organization.name=a'),
    ]) {
      const { status, json } = await ask(filters);
      expect([status, json.issue[0]]).toMatchObject([400, { code: 'too-costly' }]);
    }
    // Each link to a Patient brings the criteria of all rules along.
    const rules = Array.from({ length: 120 }, (_, index) => ({
      resourceType: 'Patient',
      criteria: `Patient?birthdate=gt${1900 + index}`,
    }));
    const member = await client.member({ resource: [{ resourceType: 'Observation' }, ...rules] });
    const links = Array.from({ length: 50 }, () => 'Observation?subject:Patient.name=a');
    const { status, json } = await ask(links, member, 'Observation');
    expect([status, json.issue[0]]).toMatchObject([400, { code: 'too-costly' }]);
    // Whoever may not have a type is told so before the filters are looked at.
    expect((await ask(links, member, 'Observation,Practitioner')).status).toBe(403);
    expect(await client.jobs()).toHaveLength(before);
  });

  test('is a request for its headers alone, which begins nothing', async () => {
    const before = (await client.jobs()).length;
    for (const address of ['$export', 'Patient/$export', 'Group/any/$export']) {
      const { status, headers } = await client.send('HEAD', address, undefined, later);
      expect([status, headers.allow]).toEqual([405, 'GET, POST']);
    }
    expect((await client.send('HEAD', 'Observation/$export', undefined, later)).status).toBe(404);
    expect(await client.jobs()).toHaveLength(before);
  });

  test('is that the wish for a later answer stands in something else', async () => {
    const quoted = { prefer: 'foo="a, respond-async, b"' };
    expect((await client.send('POST', '$export?_type=Patient', undefined, quoted)).status).toBe(400);
  });

  test('is left out where the client says so', async () => {
    const headers = { prefer: 'respond-async, handling=lenient' };
    const answer = await client.send('POST', '$export?_elements=id&_type=Patient', undefined, headers);
    expect(answer.status).toBe(202);
  });

  test('is that nobody said it may be answered later', async () => {
    const answers = [await client.get('$export'), await client.send('POST', 'Patient/$export')];
    for (const { status, text } of answers) {
      expect(status).toBe(400);
      expect(text).toContain('Prefer: respond-async');
    }
  });

  test('is a type that the caller may not see, or a question about what is hidden', async () => {
    const member = await client.member(policy);
    const ask = async (query: string) =>
      (await client.send('POST', `$export?${query}`, undefined, { ...later, ...member })).status;
    expect(await ask('_type=Practitioner')).toBe(403);
    expect(await ask('_type=Patient&_typeFilter=Patient?birthdate=1970')).toBe(403);
  });
});

describe('the files of an export', () => {
  test('are for whoever started it and for administrators, and end with their rights', async () => {
    const [starter, stranger] = [await client.member(policy), await client.member()];
    const path_ = await client.start('$export?_type=Patient', undefined, starter);
    const manifest = JSON.parse((await client.ended(path_, starter)).text) as Manifest;
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const other = await plane.createProject('bulk-other');
    const unknown = await client.get(`bulkdata/export/${randomUUID()}`, starter);
    for (const answer of [
      await client.get(path_, stranger),
      await client.get(file, stranger),
      await client.get(file.replace('Patient-1', 'Patient-2'), starter),
      await client.send('DELETE', path_, undefined, stranger),
      await plane.fhir(other, path_),
      await plane.fhir(other, file),
      await client.get(`job/${jobIdOf(path_)}/status`, starter),
    ]) {
      expect([answer.status, answer.text]).toEqual([404, unknown.text]);
    }
    expect((await plane.call({ path: `${project.path}fhir/R4/${file}` })).status).toBe(401);
    expect((await client.get(file)).status).toBe(200);
    expect((await client.get(file, starter)).status).toBe(200);

    const id = Buffer.from(starter.authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    const { text } = await client.get(`ClientApplication/${id}`);
    await client.put({ ...(JSON.parse(text) as JsonObject), status: 'off' });
    expect((await client.get(file, starter)).status).toBe(401);
  });

  test('are refused when the type is not granted any more', async () => {
    const id = await client.put({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] });
    const starter = await client.member();
    const clientId = Buffer.from(starter.authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    const { text } = await client.get(`ProjectMembership?user=ClientApplication/${clientId}`);
    const membership = (JSON.parse(text) as { entry: { resource: JsonObject }[] }).entry[0]?.resource;
    const accessPolicy = { reference: `AccessPolicy/${id}` };
    await client.put({ ...(membership as JsonObject), accessPolicy });
    const manifest = await client.exported('$export', starter);
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    expect((await client.get(file, starter)).status).toBe(200);
    await client.put({ resourceType: 'AccessPolicy', id, resource: [{ resourceType: 'Observation' }] });
    expect((await client.get(file, starter)).status).toBe(403);
  });

  test('are refused to whoever started it once their rights have changed in any way, until they are as before', async () => {
    const rule = { resourceType: 'Patient', criteria: 'Patient?_compartment=Organization/near' };
    const starter = await client.member({ id: 'shrinking', resource: [rule] });
    const started = await client.start('$export', undefined, starter);
    const manifest = JSON.parse((await client.ended(started, starter)).text) as Manifest;
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const statuses = async () => [
      (await client.get(started, starter)).status,
      (await client.get(file, starter)).status,
      (await client.get(file)).status,
    ];
    expect(await statuses()).toEqual([200, 200, 200]);
    await client.put({
      resourceType: 'AccessPolicy',
      id: 'shrinking',
      resource: [{ ...rule, hiddenFields: ['birthDate'] }],
    });
    expect(await statuses()).toEqual([403, 403, 200]);
    await client.put({ resourceType: 'AccessPolicy', id: 'shrinking', name: 'As before', resource: [rule] });
    expect(await statuses()).toEqual([200, 200, 200]);
    await client.put({ resourceType: 'AccessPolicy', id: 'shrinking', resource: [{ ...rule, readonly: true }] });
    expect((await client.send('DELETE', started, undefined, starter)).status).toBe(202);
  });

  test('are removed when it is cancelled, and not there any more when it has expired', async () => {
    const before = storedFiles();
    const cancelled = await client.start('$export?_type=Patient,Observation');
    expect((await client.ended(cancelled)).status).toBe(200);
    expect(storedFiles()).toHaveLength(before.length + 2);
    expect((await client.send('DELETE', cancelled)).status).toBe(202);
    expect(storedFiles()).toEqual(before);
    expect((await client.get(cancelled)).status).toBe(404);

    const expired = await client.start('$export?_type=Patient');
    const { output } = JSON.parse((await client.ended(expired)).text) as Manifest;
    await client.inDatabase((connection) =>
      connection.query(sql`UPDATE async_job SET expires_at = clock_timestamp() WHERE id = ${jobIdOf(expired)}`),
    );
    expect((await client.get(expired)).status).toBe(404);
    expect((await client.get(client.pathOf(output[0]?.url ?? ''))).status).toBe(404);
  });

  test('are removed when whoever started it has no access any more', async () => {
    const before = storedFiles();
    const member = await client.member(policy);
    const id = Buffer.from(member.authorization.slice(6), 'base64').toString().split(':')[0] ?? '';
    const followed = await client.inDatabase((connection) =>
      connection.transaction(async (transaction) => {
        // The Patients are exported by now, and the Observations wait for the lock.
        await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
        const filter = '_typeFilter=Observation?date=ge2000';
        const started = await client.start(`$export?_type=Patient,Observation&${filter}`, undefined, member);
        while (storedFiles().length === before.length) await client.get(started, member);
        // An update through the server would wait for the lock too.
        await client.inDatabase(async (owner) => {
          await owner.query(
            sql`UPDATE resource SET deleted = true WHERE type = 'ClientApplication' AND fhir_id = ${id}`,
          );
          await owner.query(sql`UPDATE security_epoch SET epoch = epoch + 1`);
        });
        return started;
      }),
    );
    const answer = await client.ended(followed);
    expect([answer.status, answer.text]).toEqual([403, expect.stringContaining('no access to the project any more')]);
    for (const end = Date.now() + 5_000; storedFiles().length > before.length && Date.now() < end;) {
      await client.get('metadata');
    }
    expect(storedFiles()).toEqual(before);
  });

  test('leave a trace: the export itself, and each download', async () => {
    const manifest = await client.exported('$export?_type=Practitioner&_since=2001');
    await client.linesOf(manifest);
    const file = client.pathOf(manifest.output[0]?.url ?? '');
    const entities = async () =>
      client.inDatabase((connection) =>
        connection.query<{ action: string; entity: string }>(
          sql`SELECT action::text, entity FROM audit_event
               WHERE entity IN ('$export?_type=Practitioner&_since=2001', ${file}) ORDER BY action`,
        ),
      );
    const expected = [
      { action: 'E', entity: '$export?_type=Practitioner&_since=2001' },
      { action: 'R', entity: file },
    ];
    for (const end = Date.now() + 5_000; (await entities()).length < 2 && Date.now() < end;);
    expect(await entities()).toEqual(expected);
  });
});

test('an export stops with its project, and goes on when that is in service again', async () => {
  const other = new JobClient(plane, await plane.createProject('bulk-suspended'));
  const { id, fence, path: address } = other.project;
  await other.put({ resourceType: 'Patient' });
  await other.put({ ...near.find((resource) => resource.id === 'of-ana'), subject: { display: 'x' } });
  const becomes = async (state: 'suspended' | 'active', status: number) => {
    await plane.projects.setState(id, state, { fence });
    const answers = async () => (await plane.call({ path: `${address}healthcheck` })).status;
    for (const end = Date.now() + 10_000; (await answers()) !== status;) expect(Date.now()).toBeLessThan(end);
  };
  const noted = async () =>
    other.inDatabase((connection) =>
      connection.query<{ state: string; files: number }>(
        sql`SELECT state, jsonb_array_length(watermark -> 'files') AS files FROM async_job`,
      ),
    );
  const followed = await other.inDatabase((connection) =>
    connection.transaction(async (transaction) => {
      await transaction.query(sql`LOCK TABLE resource_date IN ACCESS EXCLUSIVE MODE`);
      const filter = '_typeFilter=Observation?date=ge2000';
      const started = await other.start(`$export?_type=Patient,Observation&${filter}`);
      while ((await noted())[0]?.files !== 1);
      await becomes('suspended', 403);
      return started;
    }),
  );
  expect((await other.get(followed)).status).toBe(403);
  expect((await noted())[0]).toMatchObject({ files: 1 });
  await becomes('active', 200);
  await other.expireLeases();
  const { output } = JSON.parse((await other.ended(followed)).text) as Manifest;
  expect(output.map(({ type, count }) => [type, count])).toEqual([
    ['Patient', 1],
    ['Observation', 1],
  ]);
  const [job] = await other.jobs();
  expect(job?.fence).toBe('2');
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
