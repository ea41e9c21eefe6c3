import type { DataSource } from 'typeorm';
import {
  type ClaimedRollout,
  openControlDatabase,
  RolloutWorkRepository,
  WaveTrafficRepository,
} from '#control-database';
import { latencyBucketsMs } from '#platform';
import { aDatabase, type TestDatabase } from '#testing';
import { aPlan } from './rollout-fleet.fixture.js';

/** All in one wave, and each of them is busy all the time. */
const projects = 4_000;
/** Before and after, in slots of ten seconds, from two data planes. */
const [windowMs, slots, replicas] = [60_000, 6, 2];
/** What takes time by the square of the projects takes twenty seconds. */
const quickMs = 5_000;

const rollout: ClaimedRollout = {
  ...{ id: 'rol_large', targetVersion: 2, fence: '0' },
  plan: aPlan({ health: { windowMs, minRequests: 20, smokeProjects: 0 } }),
};
const buckets = latencyBucketsMs.length + 1;

let control: TestDatabase;
let dataSource: DataSource;

beforeAll(async () => {
  control = await aDatabase();
  dataSource = await openControlDatabase({ databaseUrl: control.url }, { migrate: true });
  for (const statement of [
    `INSERT INTO cluster (id, name, host, port, max_projects, max_connections, reserved_connections)
     VALUES ('cl', 'one', 'localhost', 5432, 100000, 100, 40)`,
    `INSERT INTO project (id, slug, name, fhir_version, state, labels, created_by)
     SELECT gen_random_uuid(), 'p' || n, 'p', '4.0.1', 'active', '{}', 'test' FROM generate_series(1, ${projects}) n`,
    `INSERT INTO rollout (id, target_version, state, plan, created_by) VALUES ('rol_large', 2, 'running', '{}', 'test')`,
    `INSERT INTO rollout_wave (rollout_id, position, selector) VALUES ('rol_large', 0, 'null')`,
    `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id) SELECT 'rol_large', id, 0, 'cl' FROM project`,
    `INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
     SELECT id, now() - slot * interval '10 s', replica, 7, 1, array_fill(0, ARRAY[3]) || 7 || array_fill(0, ARRAY[${buckets - 4}])
       FROM project, generate_series(1, ${slots}) slot, generate_series(1, ${replicas}) replica`,
    'ANALYZE',
  ]) {
    await dataSource.query(statement);
  }
});

afterAll(async () => {
  await dataSource.destroy();
  await control.drop();
});

test('a wave of thousands of busy projects begins at once, and what they were served before is kept and added up', async () => {
  const began = performance.now();
  await new RolloutWorkRepository(dataSource).beginWave(rollout, 0);
  expect(performance.now() - began).toBeLessThan(quickMs);

  const of = `SELECT DISTINCT requests, server_errors, latency[4] AS fourth, cardinality(latency) AS buckets FROM rollout_traffic`;
  const counted = slots * replicas;
  expect(await dataSource.query(of)).toEqual([
    { requests: 7 * counted, server_errors: counted, fourth: 7 * counted, buckets },
  ]);

  await dataSource.query(`UPDATE rollout_project SET state = 'done', attempts = 1, to_version = 2`);
  const asked = performance.now();
  const before = await new WaveTrafficRepository(dataSource).sumBefore(rollout.id, 0);
  expect(performance.now() - asked).toBeLessThan(quickMs);
  const all = projects * counted;
  expect(before).toMatchObject({ requests: 7 * all, serverErrors: all });
  expect(before.latency).toEqual(Array.from({ length: buckets }, (_, place) => (place === 3 ? 7 * all : 0)));
});
