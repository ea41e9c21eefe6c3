/** How the connections to a cluster are divided among the data planes that run. */
import type { DataSource } from 'typeorm';
import { ClusterRepository, ConnectionShareRepository, openControlDatabase } from '#control-database';
import { createLogger } from '#platform';
import { aDatabase, type TestDatabase } from '#testing';
import { type DataPlane, startDataPlane } from '../../apps/data-plane/src/start-data-plane.js';
import { until } from './control-plane.fixture.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

const deadAfterMs = 60_000;

describe('shares', () => {
  let database: TestDatabase;
  let dataSource: DataSource;
  let shares: ConnectionShareRepository;
  let clusterId: string;
  const register = (name: string, maxConnections: number, reservedConnections = 20) =>
    new ClusterRepository(dataSource).ensure({
      ...{ name, host: '127.0.0.1', port: 5432, maxProjects: 10, maxConnections, reservedConnections },
    });
  const take = async (replica: string, open = 0) =>
    (await shares.take(replica, { [clusterId]: open }, deadAfterMs)).get(clusterId);
  const held = async (): Promise<number> =>
    (await dataSource.query<{ held: number }[]>('SELECT sum(held)::int AS held FROM connection_share'))[0]!.held;

  beforeAll(async () => {
    database = await aDatabase();
    dataSource = await openControlDatabase({ databaseUrl: database.url }, { migrate: true });
    shares = new ConnectionShareRepository(dataSource);
    clusterId = (await register('default', 100)).id;
  });
  beforeEach(() => dataSource.query('DELETE FROM connection_share'));
  afterAll(async () => {
    await dataSource?.destroy();
    await database?.drop();
  });

  test('one replica has the whole budget, and several have equal parts of it', async () => {
    expect(await take('a')).toBe(80);
    expect([await take('b'), await take('a'), await take('b')]).toEqual([1, 40, 40]);
    expect([await take('c'), await take('a'), await take('b'), await take('c')]).toEqual([1, 26, 26, 26]);
    expect(await held()).toBeLessThanOrEqual(80);
  });

  test('nobody gets what another one has still open', async () => {
    await take('a', 80);
    expect([await take('b'), await take('a', 80), await take('b')]).toEqual([1, 40, 1]);
    expect([await take('a', 50), await take('b')]).toEqual([40, 30]);
    expect([await take('a', 12), await take('b')]).toEqual([40, 40]);
    expect(await held()).toBeLessThanOrEqual(80);
  });

  test('what a replica gives back, or has left by dying, goes to the others', async () => {
    for (const replica of ['a', 'b', 'a', 'b']) await take(replica);
    await shares.giveBack('a');
    expect(await take('b')).toBe(80);
    for (const replica of ['c', 'b', 'c']) await take(replica);
    await dataSource.query(`UPDATE connection_share SET seen_at = seen_at - interval '61 s' WHERE replica = 'b'`);
    expect(await take('c')).toBe(80);
  });

  test('many replicas at once never get more than the budget and one each', async () => {
    const names = Array.from({ length: 12 }, (_, index) => `r${index}`);
    for (let round = 0; round < 4; round++) await Promise.all(names.map((name) => take(name)));
    expect(await Promise.all(names.map((name) => take(name)))).toEqual(names.map(() => 6));
    expect(await held()).toBeLessThanOrEqual(80);
  });

  test('each cluster has its own budget, which is never less than one connection', async () => {
    const small = await register('small', 10, 20);
    const both = await shares.take('a', {}, deadAfterMs);
    expect([both.get(clusterId), both.get(small.id)]).toEqual([80, 1]);
  });
});

describe('two data planes', () => {
  let plane: TestPlane;
  let projects: TestProject[];
  let second: DataPlane | undefined;

  beforeAll(async () => {
    plane = await aDataPlane();
    projects = [];
    for (let index = 0; index < 6; index++) projects.push(await plane.createProject(`quay-${index}`));
  });
  afterEach(async () => {
    await second?.close();
    second = undefined;
  });
  afterAll(() => plane?.close());

  const start = () => startDataPlane(plane.config, createLogger(plane.config, 'data-plane'));
  const held = async (): Promise<number[]> => {
    const rows = await plane.dataSource.query<{ held: number }[]>('SELECT held FROM connection_share ORDER BY held');
    return rows.map((row) => row.held);
  };
  const setBudget = (budget: number) =>
    plane.dataSource.query('UPDATE cluster SET max_connections = reserved_connections + $1', [budget]);
  /** Connections of tenant roles at the server, whichever data plane has them. */
  const open = async (): Promise<number> => {
    const [row] = await plane.dataSource.query<{ count: number }[]>(
      `SELECT count(*)::int AS count FROM pg_stat_activity WHERE usename LIKE 'role\\_%' AND datname IN
         (SELECT t.database_name FROM tenant_database t)`,
    );
    return row!.count;
  };

  test('divide the budget when one comes, and it is whole again when one goes', async () => {
    await until(async () => String(await held()) === '40');
    second = await start();
    await until(async () => String(await held()) === '20,20');
    await second.close();
    second = undefined;
    await until(async () => String(await held()) === '40');
  });

  test('together never have more connections than the budget, and everybody is served', async () => {
    second = await start();
    await setBudget(4);
    await until(async () => String(await held()) === '2,2');
    const tokens = new Map<string, string>();
    for (const project of projects) {
      const token = await plane.token(project);
      for (const url of [plane.url, second.url]) tokens.set(`${url}${project.path}fhir/R4/Patient`, token);
    }
    let most = 0;
    let asking = true;
    const watch = (async () => {
      while (asking) most = Math.max(most, await open());
    })();
    // A slow machine may not turn so few connections over within the second that a request waits: it says so, and comes again.
    const served = async (url: string): Promise<void> => {
      const headers = { authorization: `Bearer ${tokens.get(url)}` };
      await until(async () => {
        const { status } = await fetch(url, { headers });
        expect([200, 503]).toContain(status);
        return status === 200;
      });
    };
    await Promise.all(
      [...tokens.keys()].map(async (url) => {
        for (let count = 0; count < 5; count++) await served(url);
      }),
    ).finally(() => (asking = false));
    await watch;
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(4);
    await setBudget(40);
    await until(async () => String(await held()) === '20,20');
  });
});
