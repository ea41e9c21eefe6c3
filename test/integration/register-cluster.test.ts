/** A second PostgreSQL server becomes a cluster in another region, as an operator does it: by the API, and a worker looks. */
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  ClusterRepository,
  DataKeyRepository,
  FleetTarget,
  openClusterLogin,
  TenantDatabaseRepository,
} from '#control-database';
import { createLogger, type Config, masterKeyProvider, metrics } from '#platform';
import { connectOnce, type EmbeddedPostgres, sql, startEmbeddedPostgres } from '#postgres';
import { startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { ClusterAdmins } from '../../apps/worker/src/clusters/cluster-admins.js';
import { ClusterPreparation } from '../../apps/worker/src/clusters/cluster-preparation.js';
import { orphans } from '../../apps/worker/src/reconcilers/orphans.js';
import { FleetSchema } from '../../apps/worker/src/tenant-databases/fleet-schema.js';
import { startWorker } from '../../apps/worker/src/worker.js';
import { aControlPlane, type ControlPlane, masterKey, type Reply, request, until } from './control-plane.fixture.js';

/** A JSON object of an answer: a test says what it expects in it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Shown = Record<string, any>;

let control: ControlPlane;
let second: EmbeddedPostgres;
let secondUrl: URL;
let planeUrl: string;
/** What the tests open, closed in the opposite order. */
const closers: (() => Promise<unknown>)[] = [];

async function aServer(): Promise<EmbeddedPostgres> {
  const dataDir = mkdtempSync(path.join(tmpdir(), 'boxyard-cluster-'));
  chmodSync(dataDir, 0o755);
  const log = { info: () => undefined, warn: () => undefined };
  const server = await startEmbeddedPostgres({ dataDir, log, settings: { fsync: 'off', full_page_writes: 'off' } });
  closers.push(async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return server;
}

beforeAll(async () => {
  const first = await aServer();
  second = await aServer();
  secondUrl = new URL(second.url);
  control = await aControlPlane({ database: { url: first.url, drop: async () => undefined } });
  closers.push(() => control.stop());
  // As after an upgrade whose rollout is still to be started: new databases get the schema before this release's.
  await control.dataSource.query('UPDATE fleet SET target_version = target_version - 1');
  const config: Config = {
    ...{ dataDir: control.dataDir, databaseUrl: first.url, host: '127.0.0.1', baseDomain: 'localhost' },
    ...{ controlPort: 0, dataPort: 0, workerPort: 0, trustProxy: false, masterKey, adminEmail: 'admin@example.com' },
    ...{ logLevel: 'silent', logFormat: 'json', pathRouting: true },
  };
  const logger = createLogger(config, 'test');
  const worker = await startWorker(config, logger, { sparesPerCluster: 0 });
  closers.push(() => worker.close());
  const plane = await startDataPlane(config, logger);
  closers.push(() => plane.close());
  planeUrl = plane.url;
}, 60_000);

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

const post = (route: string, body: object, token?: string): Promise<Reply> =>
  control.send('POST', route, { body, headers: { prefer: 'wait=60' }, ...(token === undefined ? {} : { token }) });
const get = async (route: string): Promise<Shown> => (await control.send('GET', route)).body as Shown;

/** A registration of the second server. */
const registration = (changes: { name?: string; admin?: object; endpoint?: object; limits?: object } = {}) => ({
  name: 'north-1',
  region: 'eu-north',
  ...changes,
  endpoint: { host: secondUrl.hostname, port: Number(secondUrl.port), tls: 'disable', ...changes.endpoint },
  admin: { user: secondUrl.username, password: decodeURIComponent(secondUrl.password), ...changes.admin },
  limits: { maxProjects: 10, maxConnections: 50, reservedConnections: 10, ...changes.limits },
});

/** Registers and waits for the worker's word. */
async function register(body: object): Promise<{ cluster: Shown; operation: Shown }> {
  const reply = await post('/clusters', body);
  expect(reply.status).toBe(202);
  const { cluster, operation } = reply.body as { cluster: Shown; operation: Shown };
  expect([cluster['state'], operation['kind'], operation['project']]).toEqual([
    'registering',
    'cluster.register',
    null,
  ]);
  let ended: Shown = {};
  await until(async () => {
    ended = await get(`/operations/${operation['id']}`);
    return ended['state'] === 'succeeded' || ended['state'] === 'failed';
  });
  return { cluster, operation: ended };
}

describe('a server that is not fit', () => {
  test('is refused with all that it lacks, and leaves nothing behind', async () => {
    const admin = await connectOnce(second.url);
    await admin.query(sql`CREATE ROLE weak LOGIN PASSWORD 'weak-password'`);
    await admin.close();
    const { cluster, operation } = await register(
      registration({ admin: { user: 'weak', password: 'weak-password' }, limits: { maxConnections: 100_000 } }),
    );
    expect(operation).toMatchObject({ state: 'failed', attempt: 1, error: { code: 'cluster-unfit', step: 'check' } });
    for (const lack of ['CREATEDB', 'CREATEROLE', 'connect to postgres', 'connect to template1', 'connections only'])
      expect(operation['error'].message).toContain(lack);
    expect((await control.send('GET', `/clusters/${cluster['id']}`)).status).toBe(404);
    expect(await control.dataSource.query('SELECT FROM data_key')).toEqual([]);
  });

  test.each([
    ['a wrong password', { admin: { password: 'not-the-password' } }, /password authentication failed/],
    ['a port where nobody listens', { endpoint: { port: 1 } }, /ECONNREFUSED/],
    ['encryption that it does not have', { endpoint: { tls: 'verify-full' } }, /does not support SSL/],
  ])('is refused for %s', async (_, changes, message) => {
    const { operation } = await register(registration(changes));
    expect(operation).toMatchObject({ state: 'failed', error: { code: 'cluster-unfit' } });
    expect(operation['error'].message).toMatch(message);
    expect(JSON.stringify(operation)).not.toContain('not-the-password');
  });

  test('is refused at once when what is asked for cannot be', async () => {
    const refused = async (body: object) => {
      const { status, body: problem } = await post('/clusters', body);
      return [status, (problem.errors as { field: string }[] | undefined)?.map(({ field }) => field) ?? problem.code];
    };
    expect(await refused({ ...registration({ name: 'cl_1' }), password: 'x' })).toEqual([400, ['password', 'name']]);
    expect(await refused(registration({ limits: { reservedConnections: 50 } }))).toEqual([
      400,
      ['limits.reservedConnections'],
    ]);
    expect(await refused(registration({ endpoint: { ca: 'x', tls: 'verify-full' } }))).toEqual([400, ['endpoint.ca']]);
    expect(await refused(registration({ name: 'default' }))).toEqual([400, ['name']]);
    const [own] = await new ClusterRepository(control.dataSource).list();
    expect(await refused(registration({ endpoint: { port: own!.port } }))).toEqual([409, 'cluster-address-taken']);
    // Under another name of the same host only the marks on the server tell.
    await until(async () => (await new ClusterRepository(control.dataSource).get(own!.id)).templateVersion !== null);
    const { username: user, password } = new URL(control.database.url);
    const again = { endpoint: { host: 'localhost', port: own!.port }, admin: { user, password } };
    const { operation } = await register(registration(again));
    expect(operation['error'].message).toContain('is the server of cluster default already');
  });

  test('may be registered by platform admins only; others may look', async () => {
    const { token } = await control.operator('operator');
    expect((await post('/clusters', registration(), token)).body).toMatchObject({
      status: 403,
      code: 'role-insufficient',
    });
    expect((await control.send('GET', '/clusters', { token })).status).toBe(200);
  });
});

describe('a fit server', () => {
  let cluster: Shown;
  beforeAll(async () => {
    const registered = await register(registration());
    expect(registered.operation).toMatchObject({ state: 'succeeded', error: null });
    cluster = registered.cluster;
  });

  test('is listed, by id and by name, without its login, of which nothing is kept in the open', async () => {
    const shown = {
      ...{ id: cluster['id'], name: 'north-1', region: 'eu-north', state: 'active', projects: 0 },
      endpoint: { host: secondUrl.hostname, port: Number(secondUrl.port), tls: 'disable' },
      limits: { maxProjects: 10, maxConnections: 50, reservedConnections: 10 },
    };
    expect(await get('/clusters/north-1')).toMatchObject(shown);
    const { items, next } = await get('/clusters?limit=1');
    expect([items[0].name, next]).toEqual(['default', items[0].id]);
    expect(await get(`/clusters?cursor=${next}`)).toMatchObject({ items: [shown], next: null });
    expect((await control.send('GET', '/clusters/%00')).status).toBe(404);
    const taken = await post('/clusters', registration({ endpoint: { port: 2 } }));
    expect([taken.status, taken.body.code]).toEqual([409, 'cluster-name-taken']);

    const password = decodeURIComponent(secondUrl.password);
    const [row] = await control.dataSource.query<{ text: string; secret: Buffer }[]>(
      `SELECT (SELECT json_agg(o)::text FROM operation o) || (SELECT json_agg(c)::text FROM cluster c) AS text,
              (SELECT admin_secret FROM cluster WHERE name = 'north-1') AS secret`,
    );
    expect(row!.text + row!.secret.toString('latin1') + control.log()).not.toContain(password);
    const target = `cluster:${cluster['id'] as string}`;
    const records = await control.dataSource.query<object[]>(
      'SELECT action, outcome FROM audit_record WHERE target = $1',
      [target],
    );
    expect(records).toEqual([{ action: 'cluster.register', outcome: 'success' }]);
  });

  test('takes the projects that ask for its region, serves them, and is what a wave of that region takes', async () => {
    const create = (slug: string, placement?: object) =>
      post('/projects', { slug, name: slug, fhirVersion: 'R4', placement });
    const north = await create('north-clinic', { region: 'eu-north', clusterId: null });
    expect([north.status, north.body.project.clusterId]).toEqual([201, cluster['id']]);
    const named = await create('named-clinic', { clusterId: 'default' });
    expect([named.status, named.body.project.clusterId === cluster['id']]).toEqual([201, false]);

    const databases = await connectOnce(second.url);
    const found = await databases.query(sql`SELECT FROM pg_database WHERE starts_with(datname, 'fp_')`);
    await databases.close();
    expect(found).toHaveLength(1);
    const { clientId, clientSecret } = north.body.adminClient as { clientId: string; clientSecret: string };
    const authorization = `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`;
    const read = await request(`${planeUrl}/p/north-clinic/fhir/R4/Patient`, 'GET', undefined, { authorization });
    expect(read.status).toBe(200);

    const dryRun = await post('/rollouts', { waves: [{ region: 'eu-north' }, { percent: 100 }], dryRun: true });
    expect(dryRun.status).toBe(200);
    const slugs = (dryRun.body.waves as { projects: { slug: string }[] }[]).map(({ projects }) =>
      projects.map(({ slug }) => slug),
    );
    expect(slugs).toEqual([['north-clinic'], ['named-clinic']]);
  }, 60_000);

  test('that is away later does not keep the others from being looked after', async () => {
    const clusters = new ClusterRepository(control.dataSource);
    await control.dataSource.query(`UPDATE cluster SET port = 1 WHERE name = 'north-1'`);
    const server = await connectOnce(control.database.url);
    await server.query(sql`CREATE DATABASE boxyard_expected`);
    const dataKeys = new DataKeyRepository(control.dataSource);
    const admins = new ClusterAdmins(control.database.url, (one) =>
      openClusterLogin(one, dataKeys, masterKeyProvider(masterKey)),
    );
    const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'test');
    const schema = await FleetSchema.open(new FleetTarget(control.dataSource), logger);
    const preparation = new ClusterPreparation(clusters, admins, control.database.url, schema, logger);
    const tenantDatabases = new TenantDatabaseRepository(control.dataSource);
    const search = orphans({ tenantDatabases, preparation, admins, logger });
    await expect(search.run(new AbortController().signal)).rejects.toThrow('Not every cluster');
    expect(await metrics.getSingleMetricAsString('boxyard_orphans')).toContain('{what="unaccounted"} 1');
    await admins.close();
    await server.query(sql`DROP DATABASE boxyard_expected`);
    await server.close();
  });

  test('a region or a cluster that there is not is refused before anything is made', async () => {
    const refused = async (placement: object) => {
      const { status, body } = await post('/projects', {
        slug: 'far-clinic',
        name: 'Far',
        fhirVersion: 'R4',
        placement,
      });
      return [status, (body.errors as { field: string }[]).map(({ field }) => field)];
    };
    expect(await refused({ region: 'mars' })).toEqual([400, ['placement.region']]);
    expect(await refused({ clusterId: 'mars-1' })).toEqual([400, ['placement.clusterId']]);
    expect(await refused({ region: 'mars', clusterId: 'north-1' })).toEqual([400, ['placement.region']]);
  });
});
