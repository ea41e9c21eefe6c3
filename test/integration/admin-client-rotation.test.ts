/** A new secret for the admin client of a project, made by the control plane and put into force by a worker. */
import { AuditRepository } from '#control-database';
import { createLogger } from '#platform';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { aControlPlane, type ControlPlane, type Reply, request, until } from './control-plane.fixture.js';
import { WorkerBench } from './worker.fixture.js';

let bench: WorkerBench;
let control: ControlPlane;
let planes: DataPlane[];
let first: { clientId: string; clientSecret: string };

beforeAll(async () => {
  bench = await WorkerBench.open();
  const { databaseUrl, masterKey } = bench.config;
  control = await aControlPlane({
    database: { url: databaseUrl!, drop: async () => undefined },
    config: { masterKey: masterKey!, dataDir: bench.config.dataDir },
  });
  await bench.startWorker({ sparesPerCluster: 1 });
  const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'data-plane');
  planes = [];
  for (let index = 0; index < 2; index++)
    planes.push(await startDataPlane({ ...bench.config, dataPort: 0, pathRouting: true }, logger));
  const created = await control.send('POST', '/projects', {
    body: { slug: 'quay', name: 'Quay', fhirVersion: 'R4' },
    headers: { prefer: 'wait=60' },
  });
  expect(created.status).toBe(201);
  first = created.body.adminClient as typeof first;
}, 120_000);

afterAll(async () => {
  for (const plane of planes ?? []) await plane.close();
  await control?.stop();
  await bench?.close();
});

const rotate = (headers: Record<string, string> = { prefer: 'wait=30' }, token?: string): Promise<Reply> =>
  control.send('POST', '/projects/quay/admin-client/rotate', { headers, ...(token === undefined ? {} : { token }) });
const logIn = (plane: DataPlane, { clientId, clientSecret }: typeof first): Promise<Reply> =>
  request(
    `${plane.url}/p/quay/oauth2/token`,
    'POST',
    new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    }).toString(),
    { 'content-type': 'application/x-www-form-urlencoded' },
  );
const basic = ({ clientId, clientSecret }: typeof first) =>
  `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
/** What both data planes answer to these credentials. */
const read = (authorization: string): Promise<number[]> =>
  Promise.all(
    planes.map(
      async ({ url }) => (await request(`${url}/p/quay/fhir/R4/Patient`, 'GET', undefined, { authorization })).status,
    ),
  );

test('the new secret is shown once; the old one and everybody who came by it are out everywhere at once', async () => {
  const token = `Bearer ${(await logIn(planes[0]!, first)).body.access_token as string}`;
  expect([await read(token), await read(basic(first))]).toEqual([
    [200, 200],
    [200, 200],
  ]);

  const key = { 'idempotency-key': 'rotate-1', prefer: 'wait=30' };
  const rotated = await rotate(key);
  expect([rotated.status, rotated.body]).toMatchObject([
    200,
    {
      project: { slug: 'quay', state: 'active' },
      operation: { kind: 'project.rotate-admin-client', state: 'succeeded' },
      adminClient: { clientId: first.clientId, clientSecret: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/) },
    },
  ]);
  const second = rotated.body.adminClient as typeof first;
  expect(second.clientSecret).not.toBe(first.clientSecret);
  expect([await read(token), await read(basic(first))]).toEqual([
    [401, 401],
    [401, 401],
  ]);
  expect((await logIn(planes[1]!, first)).status).toBe(400);
  expect((await logIn(planes[1]!, second)).status).toBe(200);
  expect(await read(basic(second))).toEqual([200, 200]);

  const replay = await rotate(key);
  expect([replay.status, replay.body.secretsClaimed, replay.body.adminClient]).toEqual([200, true, undefined]);
  const claim = await control.send('POST', `/operations/${rotated.body.operation.id}/claim-secrets`);
  expect([claim.status, claim.body.code]).toEqual([410, 'secrets-claimed']);
  const { params } = await bench.operations.get(rotated.body.operation.id as string);
  expect(JSON.stringify(params)).not.toContain(second.clientSecret);
  expect(control.log()).not.toContain(second.clientSecret);
});

test('without waiting the secret is claimed, once and by who asked for it', async () => {
  const accepted = await rotate({});
  expect([accepted.status, accepted.body.adminClient]).toEqual([202, undefined]);
  const operation = accepted.body.operation.id as string;
  expect(accepted.headers.get('location')).toBe(`/control/v1/operations/${operation}`);
  await bench.ended(operation);
  const other = await control.operator('operator');
  const claim = (token?: string) =>
    control.send('POST', `/operations/${operation}/claim-secrets`, { ...(token ? { token } : {}) });
  expect((await claim(other.token)).body.code).toBe('not-the-creator');
  // The same person, but a credential that could not have asked for it.
  const key = await control.send('POST', '/api-keys', { body: { name: 'ci', role: 'operator' } });
  const lesser = await claim(key.body.secret as string);
  expect([lesser.status, lesser.body.code]).toEqual([403, 'role-insufficient']);
  const denied = { actor: `key:${key.body.id}`, action: 'operation.claim-secrets', outcome: 'role-insufficient' };
  const records = await new AuditRepository(control.dataSource).listAfter('0', 10_000);
  expect(records.filter(({ target }) => target === `operation:${operation}`)).toContainEqual(
    expect.objectContaining(denied),
  );
  const { body } = await claim();
  expect((await logIn(planes[0]!, body.adminClient as typeof first)).status).toBe(200);
  expect((await claim()).status).toBe(410);
});

test('the owner of a new project sets a first password by the link of their invitation, once', async () => {
  const owner = { email: 'ben@pier.example.org', firstName: 'Ben', lastName: 'Pier' };
  const created = await control.send('POST', '/projects', {
    body: { slug: 'harbour', name: 'Harbour', fhirVersion: 'R4', owner },
    headers: { prefer: 'wait=60' },
  });
  expect([created.status, created.body.ownerInvitation]).toEqual([201, undefined]);
  const claim = await control.send('POST', `/operations/${created.body.operation.id}/claim-secrets`);
  const { email, link } = claim.body.ownerInvitation as { email: string; link: string };
  expect(email).toBe(owner.email);
  const base = (created.body.project.baseUrls as string[])[0]!;
  expect(link.startsWith(`${base}setpassword/`)).toBe(true);
  const [id, secret] = link.split('/').slice(-2);
  const post = (path: string, body: object) => request(`${planes[0]!.url}/p/harbour/${path}`, 'POST', body, {});
  const set = (change: object) => post('auth/setpassword', { id, secret, password: 'correct-horse', ...change });
  expect((await set({ secret: 'A'.repeat(43) })).status).toBe(400);
  expect((await set({})).status).toBe(200);
  expect((await set({ password: 'another-horse' })).status).toBe(400);
  const login = { email, password: 'correct-horse', codeChallenge: 'x'.repeat(43), codeChallengeMethod: 'plain' };
  expect((await post('auth/login', login)).status).toBe(200);
});

test('it is refused to auditors, while another operation runs, and for a project that is being built', async () => {
  const auditor = await control.operator('auditor');
  expect((await rotate({}, auditor.token)).status).toBe(403);
  await bench.stopWorkers();
  const queued = await rotate({});
  const conflict = await rotate({});
  expect([conflict.status, conflict.body.code]).toEqual([409, 'operation-in-progress']);
  const unbuilt = await control.send('POST', '/projects', { body: { slug: 'pier', name: 'Pier', fhirVersion: 'R4' } });
  const refused = await control.send('POST', `/projects/${unbuilt.body.project.id}/admin-client/rotate`);
  expect([refused.status, refused.body.code]).toEqual([409, 'invalid-state']);
  await bench.startWorker({ sparesPerCluster: 0 });
  await bench.ended(queued.body.operation.id as string);
  await until(async () => (await bench.operations.listRunnable(10)).length === 0);
});

test('a project whose admin client was deleted says so, and keeps no claimable secret', async () => {
  const { body } = await rotate();
  const authorization = basic(body.adminClient as typeof first);
  const deleted = await request(
    `${planes[0]!.url}/p/quay/fhir/R4/ClientApplication/${first.clientId}`,
    'DELETE',
    undefined,
    { authorization },
  );
  expect(deleted.status).toBe(200);
  const failed = await rotate();
  expect([failed.status, failed.body.operation]).toMatchObject([
    202,
    { state: 'failed', error: { code: 'admin-client-missing', retryable: false } },
  ]);
  const claim = await control.send('POST', `/operations/${failed.body.operation.id}/claim-secrets`);
  expect(claim.status).toBe(409);
});
