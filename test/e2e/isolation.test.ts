import { aDatabase, type CreatedProject, expectStatus, type RunningPlatform, startPlatform } from '#testing';

const CANARY = 'canary-5f2d';

let platform: RunningPlatform;
let north: CreatedProject;
let south: CreatedProject;
let northToken: string;
let southToken: string;
let patientId: string;
let versionId: string;
let nextPage: string;

const fhir = (project: CreatedProject, path: string, token: string, init: RequestInit = {}): Promise<Response> =>
  fetch(`${project.baseUrl}fhir/R4/${path}`, {
    ...init,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json', ...init.headers },
  });

beforeAll(async () => {
  platform = await startPlatform({ databaseUrl: (await aDatabase()).url });
  north = await platform.createProject('north-clinic');
  south = await platform.createProject('south-clinic');
  northToken = await platform.clientToken(north);
  southToken = await platform.clientToken(south);
  for (let index = 0; index < 3; index++) {
    const created = (await expectStatus(
      await fhir(north, 'Patient', northToken, {
        method: 'POST',
        body: JSON.stringify({
          resourceType: 'Patient',
          identifier: [{ system: 'urn:canary', value: CANARY }],
          name: [{ family: CANARY }],
        }),
      }),
      201,
    )) as { id: string; meta: { versionId: string } };
    patientId = created.id;
    versionId = created.meta.versionId;
  }
  const page = (await expectStatus(await fhir(north, 'Patient?_count=1', northToken), 200)) as {
    link: { relation: string; url: string }[];
  };
  nextPage = page.link.find((link) => link.relation === 'next')?.url ?? '';
  expect(nextPage).not.toBe('');
}, 120_000);

afterAll(() => platform?.stop());

describe('project south cannot see project north', () => {
  test('a token of one project is no token at the other', async () => {
    for (const [project, token] of [
      [south, northToken],
      [north, southToken],
    ] as const) {
      const response = await fhir(project, 'Patient', token);
      expect(response.status).toBe(401);
      expect(await response.text()).not.toContain(CANARY);
    }
  });

  test('client credentials of one project do not work at the other', async () => {
    const basic = Buffer.from(`${north.adminClient.clientId}:${north.adminClient.clientSecret}`).toString('base64');
    const token = await fetch(`${south.baseUrl}oauth2/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${basic}`, 'content-type': 'application/x-www-form-urlencoded' },
      body: 'grant_type=client_credentials',
    });
    expect([400, 401]).toContain(token.status);
    const read = await fetch(`${south.baseUrl}fhir/R4/Patient`, { headers: { authorization: `Basic ${basic}` } });
    expect(read.status).toBe(401);
  });

  test.each([
    ['read', () => fhir(south, `Patient/${patientId}`, southToken), 404],
    ['vread', () => fhir(south, `Patient/${patientId}/_history/${versionId}`, southToken), 404],
    ['history', () => fhir(south, `Patient/${patientId}/_history`, southToken), 404],
    ['delete', () => fhir(south, `Patient/${patientId}`, southToken, { method: 'DELETE' }), 404],
    ['search by id', () => fhir(south, `Patient?_id=${patientId}&_total=accurate`, southToken), 200],
    ['search by value', () => fhir(south, 'Patient?identifier=urn:canary%7Ccanary-5f2d', southToken), 200],
    ['own project resource', () => fhir(south, `Project/${north.id}`, southToken), 404],
  ])('%s reveals nothing', async (_name, request, status) => {
    const response = await request();
    const text = await response.text();
    expect([response.status, text.includes(`"family":"${CANARY}"`), /"total":[^0]/.test(text)]).toEqual([
      status,
      false,
      false,
    ]);
  });

  test('a page link of one project is refused by the other', async () => {
    const query = nextPage.slice(nextPage.indexOf('?'));
    const response = await fhir(south, `Patient${query}`, southToken);
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain(CANARY);
  });

  test('a bundle cannot address the other project', async () => {
    const response = await fhir(south, '', southToken, {
      method: 'POST',
      body: JSON.stringify({
        resourceType: 'Bundle',
        type: 'batch',
        entry: [
          { request: { method: 'GET', url: `Patient/${patientId}` } },
          { request: { method: 'GET', url: `${north.baseUrl}fhir/R4/Patient/${patientId}` } },
        ],
      }),
    });
    const text = await response.text();
    expect(response.status).toBe(200);
    expect(text).not.toContain(CANARY);
  });

  test('routes that name two projects are refused', async () => {
    const both = await fhir(south, 'Patient', southToken, { headers: { 'x-project': 'north-clinic' } });
    expect(both.status).toBe(400);
    expect(await both.text()).not.toContain(CANARY);
  });

  test('the same id can exist in both projects and stays apart', async () => {
    const put = await fhir(south, `Patient/${patientId}`, southToken, {
      method: 'PUT',
      body: JSON.stringify({ resourceType: 'Patient', id: patientId, name: [{ family: 'South' }] }),
    });
    expect(put.status).toBe(201);
    const there = await (await fhir(north, `Patient/${patientId}`, northToken)).text();
    expect(there).toContain(CANARY);
    expect(there).not.toContain('South');
  });

  test('an unknown project answers like any unknown host', async () => {
    const unknown = await fetch(`${platform.dataUrl}/p/no-such-clinic/fhir/R4/Patient`);
    const body = await unknown.text();
    expect(unknown.status).toBe(404);
    expect(body).not.toMatch(/north|south|project/i);
  });

  test('the keys of the two projects differ', async () => {
    const keys = await Promise.all(
      [north, south].map(async (project) => {
        const set = (await (await fetch(`${project.baseUrl}.well-known/jwks.json`)).json()) as {
          keys: { kid: string }[];
        };
        return set.keys.map((key) => key.kid);
      }),
    );
    expect(keys[0]).toHaveLength(1);
    expect(keys[0]).not.toEqual(keys[1]);
    expect(JSON.stringify(keys)).not.toContain('"d"');
  });
});

test('a token dies with the membership it stands on, at the next request', async () => {
  const victim = (await expectStatus(await fhir(north, 'ProjectMembership?_count=10', northToken), 200)) as {
    entry: { resource: { id: string; user: { reference: string } } }[];
  };
  const own = victim.entry.find((entry) => entry.resource.user.reference.endsWith(north.adminClient.clientId));
  expect(own).toBeDefined();
  const removed = await fhir(north, `ProjectMembership/${own?.resource.id}`, northToken, { method: 'DELETE' });
  expect([200, 204]).toContain(removed.status);
  expect((await fhir(north, 'Patient', northToken)).status).toBe(401);
});
