import { RolloutProgressRepository } from '#control-database';
import { baseVersion, RolloutFleet } from './rollout-fleet.fixture.js';

let fleet: RolloutFleet;
let id: string;

beforeEach(async () => {
  fleet = await RolloutFleet.open(3);
  id = await fleet.plan(baseVersion + 1);
});

afterEach(() => fleet.close());

const member = async (slug: string, columns: string, values: string): Promise<void> =>
  void (await fleet.dataSource.query(
    `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, ${columns})
     SELECT $1, $2, 0, cluster_id, ${values} FROM tenant_database WHERE project_id = $2`,
    [id, fleet.project(slug).id],
  ));
const progress = () => new RolloutProgressRepository(fleet.dataSource).read(id);

test('a project whose maintenance window has opened does not wait any more; it is one of those to come', async () => {
  const later = '2099-01-01T00:00:00+00:00';
  await member('p0', 'waits_for, due_at', `'window', '${later}'::timestamptz`);
  await member('p1', 'waits_for, due_at', `'window', now() - interval '1 s'`);
  await member('p2', 'waits_for, due_at', `'server', now() - interval '1 s'`);
  const { waiting, counts } = await progress();
  expect(waiting.projects).toBe(2);
  expect(new Date(waiting.until!)).toEqual(new Date(later));
  expect(counts).toEqual([{ wave: 0, state: 'pending', backfill: 'none', projects: 3 }]);
});

test('the backfill of a project that is deleted meanwhile is not shown as one to come', async () => {
  for (const slug of ['p0', 'p1']) await member(slug, 'state, backfill', `'done', 'pending'`);
  await fleet.dataSource.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [fleet.project('p0').id]);
  const { counts } = await progress();
  expect(counts).toHaveLength(2);
  expect(counts).toEqual(
    expect.arrayContaining([
      { wave: 0, state: 'done', backfill: 'none', projects: 1 },
      { wave: 0, state: 'done', backfill: 'pending', projects: 1 },
    ]),
  );
});
