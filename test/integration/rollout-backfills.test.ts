import { RolloutProjectsRepository } from '#control-database';
import { compiledSql, type OwnedConnection } from '#postgres';
import { baseVersion, RolloutFleet, stepsWith, type SyntheticMigration } from './rollout-fleet.fixture.js';

const target = baseVersion + 1;
const filled: readonly SyntheticMigration[] = [
  {
    name: 'Filled1',
    statements: ['CREATE TABLE big AS SELECT id, 0 AS touched FROM generate_series(1, 30) AS id'],
    backfill: {
      batch: `WITH picked AS (SELECT id FROM big WHERE id > coalesce($1::integer, 0) ORDER BY id LIMIT $2),
                changed AS (UPDATE big SET touched = touched + 1 WHERE id IN (SELECT id FROM picked))
              SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM picked`,
      batchSize: 10,
      pauseMs: 0,
    },
  },
];

let fleet: RolloutFleet;
let holder: OwnedConnection | undefined;

beforeEach(async () => {
  fleet = await RolloutFleet.open(1);
});

afterEach(async () => {
  await holder?.close();
  holder = undefined;
  await fleet.close();
});

/** Migrates the project and stops before its backfill, which then meets a transaction that has run `statement`. */
async function startAgainst(statement: string, attempts: number): Promise<string> {
  await fleet.startWorker(await stepsWith(filled), {
    onMoment: async ({ at, projectId }) => {
      if (at !== 'migrated') return;
      const { databaseName } = fleet.projects.find((project) => project.id === projectId)!;
      holder = await fleet.connect(databaseName);
      for (const text of ['BEGIN', statement]) await holder.query(compiledSql({ text, values: [] }));
    },
  });
  return fleet.start(target, { waves: [], attempts });
}

const letGo = async (): Promise<void> => void (await holder!.query(compiledSql({ text: 'ROLLBACK', values: [] })));

test('a backfill that its traffic holds up says so, and fails when its tries are used up, however long they take', async () => {
  const id = await startAgainst('UPDATE big SET touched = 7 WHERE id = 15', 6);
  const waiting = await fleet.until('its first failed try is told', async () => {
    const { p0 } = await fleet.rows(id);
    return p0?.error === null ? undefined : p0;
  });
  expect(waiting).toMatchObject({ backfill: 'pending', waitsFor: 'retry', error: { code: '55P03' } });
  expect((await fleet.reached(id, 'paused', 60_000)).reason?.code).toBe('budget-exceeded');
  expect((await fleet.rows(id))['p0']).toMatchObject({ backfill: 'failed', backfillRows: '10' });
  await letGo();
  await fleet.retry(id);
  await fleet.resume(id);
  await fleet.reached(id, 'succeeded');
  expect((await fleet.rows(id))['p0']).toMatchObject({ backfill: 'done', backfillRows: '30', error: null });
});

test('a batch that a dead worker has sent and that still runs is waited for, which is no try', async () => {
  const running = `INSERT INTO schema_backfill (name, fence) VALUES ('Filled1', 0)`;
  const id = await startAgainst(running, 1);
  const waiting = await fleet.until('somebody is met', async () => {
    const { p0 } = await fleet.rows(id);
    return p0?.error === null ? undefined : p0;
  });
  expect(waiting).toMatchObject({ backfill: 'pending', error: { code: '55P03' } });
  await letGo();
  await fleet.reached(id, 'succeeded');
  expect((await fleet.rows(id))['p0']).toMatchObject({ backfill: 'done', backfillRows: '30', error: null });
});

test('what an aborted rollout says last does not end what the next one has yet to fill in', async () => {
  const later = { ...filled[0]!, name: 'Filled2', statements: ['SELECT 1'] };
  const { id: projectId } = fleet.project('p0');
  const projects = new RolloutProjectsRepository(fleet.dataSource);
  let next = '';
  await fleet.startWorker(await stepsWith([...filled, later]), {
    onMoment: async ({ at, rolloutId }) => {
      if (at !== 'batch' || next !== '') return;
      const [left] = await fleet.inTenant(fleet.project('p0'), 'SELECT FROM schema_backfill WHERE finished_at IS NULL');
      if (left !== undefined) return;
      // It stands still, and what the next rollout does meanwhile is written here.
      await fleet.move(rolloutId, 'running', 'aborted');
      next = await fleet.plan(target + 1);
      await fleet.dataSource.query(
        `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, from_version, state, backfill)
         SELECT $1, project_id, 0, cluster_id, $3, 'done', 'pending' FROM tenant_database WHERE project_id = $2`,
        [next, projectId, baseVersion],
      );
      await fleet.dataSource.query('UPDATE tenant_database SET schema_version = $1', [target + 1]);
    },
  });
  const aborted = await fleet.start(target, { waves: [] });
  await fleet.until('the aborted one has said its last', async () =>
    (await fleet.rows(aborted))['p0']?.backfill === 'done' ? true : undefined,
  );
  expect((await fleet.rows(next))['p0']?.backfill).toBe('pending');
  expect(await projects.listBehind(target + 1, 5)).toMatchObject({ count: 1, slugs: ['p0'] });
});

test('what a rollout has filled in is not undone by what the aborted one before it says last', async () => {
  const { id: projectId } = fleet.project('p0');
  const [aborted, next] = [await fleet.plan(target), await fleet.plan(target)];
  for (const id of [aborted, next]) {
    await fleet.dataSource.query(
      `INSERT INTO rollout_project (rollout_id, project_id, wave, cluster_id, from_version, state, backfill)
       SELECT $1, project_id, 0, cluster_id, $3, 'done', 'pending' FROM tenant_database WHERE project_id = $2`,
      [id, projectId, baseVersion],
    );
  }
  const projects = new RolloutProjectsRepository(fleet.dataSource);
  const tell = (id: string, state: 'done' | 'failed') =>
    projects.recordBackfill({ id, fence: '0' }, { projectId, rows: 0, state, upTo: target });
  await tell(next, 'done');
  await tell(aborted, 'failed');
  expect((await fleet.rows(next))['p0']?.backfill).toBe('done');
  expect((await fleet.rows(aborted))['p0']?.backfill).toBe('done');
  await fleet.dataSource.query('UPDATE tenant_database SET schema_version = $1', [target]);
  expect(await projects.listBehind(target, 5)).toMatchObject({ count: 0 });
});
