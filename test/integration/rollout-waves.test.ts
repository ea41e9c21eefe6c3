import { FleetTarget, RolloutWorkRepository } from '#control-database';
import { baseVersion, counted, RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';

const target = baseVersion + 2;
let fleet: RolloutFleet;

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
});

afterEach(() => fleet.close());

test('a wave that is found healthy when the rollout was aborted already does not pass, and new projects are born as before', async () => {
  let id = '';
  await fleet.startWorker(await stepsWith(counted), {
    onMoment: async ({ at }) => {
      if (at === 'judged') await fleet.move(id, 'running', 'aborted');
    },
  });
  id = await fleet.start(target, { waves: [] });
  await fleet.reached(id, 'aborted');
  await fleet.stopWorkers();
  expect((await fleet.waves(id)).map(({ state }) => state)).toEqual(['checking']);
  expect(await new FleetTarget(fleet.dataSource).get()).toBe(baseVersion);
});

test('a wave that is found healthy while the rollout is paused passes after the pause', async () => {
  let id = '';
  let isPaused = false;
  await fleet.startWorker(await stepsWith(counted), {
    onMoment: async ({ at }) => {
      if (at !== 'judged' || isPaused) return;
      isPaused = true;
      await fleet.move(id, 'running', 'paused');
    },
  });
  id = await fleet.start(target, { waves: [] });
  await fleet.reached(id, 'paused');
  await fleet.resume(id);
  await fleet.reached(id, 'succeeded');
  expect((await fleet.waves(id)).map(({ state }) => state)).toEqual(['passed']);
  expect(await new FleetTarget(fleet.dataSource).get()).toBe(target);
});

test('archived projects belong to no wave, and a percentage is none of them', async () => {
  for (const slug of ['a0', 'a1', 'a2', 'a3']) await fleet.addProject(slug, { state: 'archived' });
  await fleet.startWorker(await stepsWith(counted));
  const id = await fleet.start(target, { waves: [{ percent: 50 }] });
  await fleet.reached(id, 'succeeded');
  const rows = await fleet.rows(id);
  expect(Object.keys(rows)).toEqual(['p0', 'p1', 'p2', 'p3']);
  expect(Object.values(rows).filter(({ wave }) => wave === 0)).toHaveLength(2);
});

test('the share of failures is one of those that were migrated or are filled in, not of those that were found to be there', async () => {
  const id = await fleet.plan(target);
  await fleet.dataSource.query(`INSERT INTO rollout_wave (rollout_id, position, selector) VALUES ($1, 0, 'null')`, [
    id,
  ]);
  const member = (slug: string, columns: string, values: string) =>
    fleet.dataSource.query(
      `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, ${columns})
       SELECT $1, project_id, 0, cluster_id, ${values} FROM tenant_database WHERE project_id = $2`,
      [id, fleet.project(slug).id],
    );
  await member('p0', 'state, attempts, found_version, to_version', `'done', 1, 2, 2`);
  await member('p1', 'state, attempts', `'failed', 1`);
  await member('p2', 'state, to_version, backfill', `'done', 2, 'pending'`);
  await member('p3', 'state, attempts, found_version, to_version', `'done', 1, 2, 2`);
  const [wave] = (await new RolloutWorkRepository(fleet.dataSource).look(id, '0')).waves;
  expect(wave?.counts).toMatchObject({ total: 4, done: 3, failed: 1, worked: 0, tried: 2 });
});
