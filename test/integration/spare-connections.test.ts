/** The connections that a worker keeps to the spares it has built. */
import { sql } from '#postgres';
import { SpareConnections } from '../../apps/worker/src/tenant-databases/spare-connections.js';
import { aTenant, type TestTenant } from './store.fixture.js';

let tenant: TestTenant;
let connections: SpareConnections;

beforeEach(async () => {
  tenant = await aTenant();
  connections = new SpareConnections();
});

afterEach(async () => {
  await connections.close();
  await tenant.close();
});

const backends = async () =>
  (await tenant.rows<{ pid: number }>(`SELECT pid FROM pg_stat_activity WHERE usename = $1`, tenant.target.user))
    .length;

test('a spare is connected to as its own role, and nothing is written there', async () => {
  await connections.open(tenant.target);
  const connection = connections.take(tenant.target.key);
  expect(await connection?.query(sql`SELECT current_user::text AS name`)).toEqual([{ name: tenant.target.user }]);
  expect(await tenant.rows('SELECT count(*)::int AS n FROM resource')).toEqual([{ n: 0 }]);
  expect(await tenant.rows('SELECT count(*)::int AS n FROM audit_event')).toEqual([{ n: 0 }]);
  await connection?.close();
});

test('a connection is given away once', async () => {
  await connections.open(tenant.target);
  const connection = connections.take(tenant.target.key);
  expect(connection).toBeDefined();
  expect(connections.take(tenant.target.key)).toBeUndefined();
  await connection?.close();
});

test('a connection that the server has ended is not given away', async () => {
  await connections.open(tenant.target);
  await tenant.rows(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, tenant.target.user);
  while ((await backends()) > 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await new Promise((resolve) => setImmediate(resolve));
  expect(connections.take(tenant.target.key)).toBeUndefined();
});

test('connections to databases that are spare no longer are closed', async () => {
  await connections.open(tenant.target);
  await connections.keepOnly(new Set([tenant.target.key]));
  expect(await backends()).toBe(1);
  await connections.keepOnly(new Set());
  expect(await backends()).toBe(0);
});

test('only a few are kept at a time for each cluster, because they come out of its reserve', async () => {
  const spares = Array.from({ length: 7 }, (_, index) => ({ ...tenant.target, key: `spare-${index}` }));
  for (const spare of spares) await connections.open(spare);
  expect(await backends()).toBe(5);
  await connections.open({ ...tenant.target, key: 'elsewhere', clusterId: 'cl_other' });
  expect(await backends()).toBe(6);
  await connections.keepOnly(new Set(['spare-6']));
  await connections.open({ ...tenant.target, key: 'spare-7' });
  expect(await backends()).toBe(1);
});

test('a role whose password is wrong is found when the spare is made', async () => {
  await expect(connections.open({ ...tenant.target, password: 'wrong' })).rejects.toThrow(/password/);
});
