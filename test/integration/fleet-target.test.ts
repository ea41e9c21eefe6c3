import { randomBytes, randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { FleetTarget, openControlDatabase, ProjectTrafficRepository, type ServedTraffic } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { createLogger, loadConfig } from '#platform';
import { aDatabase, type TestDatabase } from '#testing';
import { openControlPlane } from '../../apps/control-plane/src/open-control-plane.js';
import { until } from './store.fixture.js';

let database: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  database = await aDatabase();
  dataSource = await openControlDatabase({ databaseUrl: database.url }, { migrate: true });
});

afterAll(async () => {
  await dataSource.destroy();
  await database.drop();
});

describe("the fleet's target", () => {
  let fleet: FleetTarget;
  beforeEach(async () => {
    fleet = new FleetTarget(dataSource);
    await dataSource.query('DELETE FROM fleet');
  });

  test('is what the first release says, whoever of its processes is first', async () => {
    expect(await Promise.all(Array.from({ length: 6 }, () => fleet.ensure(4)))).toEqual([4, 4, 4, 4, 4, 4]);
    expect(await fleet.get()).toBe(4);
  });

  test('stays what it is when a later release starts', async () => {
    await fleet.ensure(4);
    expect(await fleet.ensure(6)).toBe(4);
  });

  test('is never lowered', async () => {
    await fleet.ensure(4);
    await fleet.raise(6);
    await fleet.raise(5);
    expect(await fleet.get()).toBe(6);
  });

  test('stops an earlier release, which is told what to do', async () => {
    await fleet.ensure(4);
    await fleet.raise(6);
    await expect(fleet.ensure(5)).rejects.toThrow(
      /target is tenant schema 6, and this release knows schemas up to 5 only\. Start the release that raised/,
    );
  });

  test('keeps a control plane of an earlier release from starting, and all its connections are closed again', async () => {
    const later = await aDatabase();
    const itsControlDatabase = await openControlDatabase({ databaseUrl: later.url }, { migrate: true });
    await new FleetTarget(itsControlDatabase).ensure(TENANT_SCHEMA_VERSION + 1);
    await itsControlDatabase.destroy();
    const masterKey = randomBytes(32).toString('base64');
    const config = loadConfig({ DATABASE_URL: later.url, BOXYARD_MASTER_KEY: masterKey });
    const logger = createLogger({ logLevel: 'silent', logFormat: 'json' }, 'control-plane');
    const opening = openControlPlane({ config, logger, announce: () => undefined });
    await expect(opening).rejects.toThrow('nothing migrates backwards');
    const left = 'SELECT 1 FROM pg_stat_activity WHERE datname = $1';
    const name = new URL(later.url).pathname.slice(1);
    await until(async () => (await dataSource.query<object[]>(left, [name])).length === 0);
    await later.drop();
  });

  test('does not exist before anybody has said it', async () => {
    await expect(fleet.get()).rejects.toThrow('no target yet');
  });
});

describe('the traffic of projects', () => {
  const served = (projectId: string, requests: number, latency: number[]): ServedTraffic => ({
    projectId,
    since: new Date('2026-11-21T10:00:10Z'),
    requests,
    serverErrors: 1,
    latency,
  });
  const rows = (projectId: string) =>
    dataSource.query<object[]>(
      'SELECT replica, requests, server_errors, latency, since FROM project_traffic WHERE project_id = $1 ORDER BY replica',
      [projectId],
    );

  test('is kept by project, replica and slot, and what is written again replaces what was there', async () => {
    const traffic = new ProjectTrafficRepository(dataSource);
    const [one, other] = [randomUUID(), randomUUID()];
    await traffic.record('a', [served(one, 3, [0, 2, 1]), served(other, 1, [1, 0, 0])]);
    await traffic.record('b', [served(one, 5, [5, 0, 0])]);
    await traffic.record('a', [served(one, 4, [0, 2, 2])]);
    const since = new Date('2026-11-21T10:00:10Z');
    expect(await rows(one)).toEqual([
      { replica: 'a', requests: 4, server_errors: 1, latency: [0, 2, 2], since },
      { replica: 'b', requests: 5, server_errors: 1, latency: [5, 0, 0], since },
    ]);
    expect(await rows(other)).toHaveLength(1);
  });
});
