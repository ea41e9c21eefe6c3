import { once } from 'node:events';
import type { SchemaStep } from '#tenant-schema';
import type { RolloutMoment } from '../../apps/worker/src/rollouts/rollout-services.js';
import { baseVersion, counted, RolloutFleet, stepsWith, type SyntheticMigration } from './rollout-fleet.fixture.js';
import { closedWindow, filling, upTo } from './rollout-migrations.fixture.js';

const target = baseVersion + counted.length;
const moments: readonly RolloutMoment['at'][] = ['claimed', 'planned', 'begun', 'migrated', 'recorded'];

/** Longer than any test, so that a dead worker's rollout is only taken up when the test says so. */
const neverExpires = 10 * 60_000;

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

/** Every step was applied to every database, once, and the control database says so. */
async function expectCompleteOnce(id: string): Promise<void> {
  await fleet.reached(id, 'succeeded');
  const versions = upTo(target);
  expect(await fleet.truth()).toEqual(fleet.projects.map(({ slug }) => ({ slug, versions, steps: [1, 2] })));
  const rows = Object.values(await fleet.rows(id));
  expect(rows.map(({ state, schemaVersion }) => ({ state, schemaVersion }))).toEqual(
    fleet.projects.map(() => ({ state: 'done', schemaVersion: target })),
  );
}

describe('a worker that', () => {
  test.each(moments)('is killed at the moment "%s" leaves a rollout that another one completes', async (at) => {
    const child = fleet.spawnWorker(counted, {
      AT: at,
      COUNT: at === 'migrated' ? '2' : '1',
      LEASE_MS: String(neverExpires),
    });
    const exit = once(child, 'exit') as Promise<[number | null, string | null]>;
    const id = await fleet.start(target, { waves: [] });
    expect((await exit)[1]).toBe('SIGKILL');
    expect((await fleet.get(id)).state).toBe('running');
    await fleet.startWorker(steps);
    await fleet.expireLeases();
    await expectCompleteOnce(id);
  });

  test.each(moments)(
    'stands still at the moment "%s" until another has its rollout changes nothing any more',
    async (at) => {
      let goOn!: () => void;
      const stalled = new Promise<void>((resolve) => (goOn = resolve));
      let arrived!: () => void;
      const arriving = new Promise<void>((resolve) => (arrived = resolve));
      const migratedBySlow = new Set<string | undefined>();
      await fleet.startWorker(steps, {
        leaseMs: neverExpires,
        onMoment: async (moment) => {
          if (moment.at === 'migrated') migratedBySlow.add(moment.projectId);
          if (moment.at !== at) return;
          arrived();
          await stalled;
        },
      });
      const id = await fleet.start(target, { waves: [], parallel: 1 });
      await arriving;
      await fleet.expireLeases();
      await fleet.startWorker(steps);
      await expectCompleteOnce(id);
      const before = new Set(migratedBySlow);
      goOn();
      await fleet.stopWorkers();
      expect(migratedBySlow).toEqual(before);
      await expectCompleteOnce(id);
    },
  );

  test('comes with an older lease than a tenant database has seen is refused there', async () => {
    await fleet.startWorker(steps);
    await fleet.inTenant(fleet.project('p0'), 'UPDATE schema_version SET fence = 1000000');
    const id = await fleet.start(target, { waves: [] });
    await fleet.reached(id, 'paused');
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'failed', error: { code: 'stale-fence' } });
    expect((await fleet.truth()).find(({ slug }) => slug === 'p0')).toMatchObject({ steps: [] });
  });

  test('is closed gives its rollout to others at once, with nothing half done', async () => {
    let first!: () => void;
    const begun = new Promise<void>((resolve) => (first = resolve));
    const worker = await fleet.startWorker(steps, {
      leaseMs: neverExpires,
      onMoment: ({ at }) => {
        if (at === 'begun') first();
      },
    });
    const id = await fleet.start(target, { waves: [], parallel: 1 });
    await begun;
    await worker.close();
    expect((await fleet.counts(id))['running']).toBeUndefined();
    await fleet.startWorker(steps);
    await expectCompleteOnce(id);
  });

  test('died in a rollout that was aborted meanwhile does not leave projects marked as running', async () => {
    const child = fleet.spawnWorker(counted, { AT: 'begun', LEASE_MS: String(neverExpires) });
    const exit = once(child, 'exit');
    const id = await fleet.start(target, { waves: [] });
    await exit;
    expect((await fleet.counts(id))['running']).toBe(4);
    await fleet.move(id, 'running', 'aborted');
    await fleet.startWorker(steps);
    await fleet.expireLeases();
    await fleet.until('none is marked', async () => ((await fleet.counts(id))['pending'] === 4 ? true : undefined));
    expect((await fleet.truth()).map(({ steps: applied }) => applied)).toEqual(fleet.projects.map(() => []));
  });
});

describe('several workers', () => {
  test('that are woken twice apply nothing twice', async () => {
    await Promise.all([1, 2, 3].map(() => fleet.startWorker(steps)));
    const id = await fleet.start(target);
    const again = setInterval(() => void fleet.dataSource.query('UPDATE rollout SET reason = reason'), 5);
    try {
      await expectCompleteOnce(id);
    } finally {
      clearInterval(again);
    }
  });
});

describe('a backfill', () => {
  const rows = 95;
  const filled = [filling(rows)];
  const filledTarget = baseVersion + 1;

  const expectFilledOnce = async (id: string): Promise<void> => {
    await fleet.reached(id, 'succeeded');
    for (const project of fleet.projects) {
      expect(
        await fleet.inTenant(project, 'SELECT count(*)::integer AS rows FROM big WHERE twice = 2 * id AND touched = 1'),
      ).toEqual([{ rows }]);
    }
    for (const row of Object.values(await fleet.rows(id))) expect(row.backfill).toBe('done');
  };

  beforeEach(async () => {
    steps = await stepsWith(filled);
  });

  test('follows the schema step of each project, batch by batch, before the rollout ends', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(filledTarget);
    await expectFilledOnce(id);
    expect(Object.values(await fleet.rows(id)).map(({ backfillRows }) => backfillRows)).toEqual(
      Array(4).fill(String(rows)),
    );
  });

  test('goes on where it was when its worker was killed', async () => {
    const child = fleet.spawnWorker(filled, { AT: 'batch', COUNT: '5', LEASE_MS: String(neverExpires) });
    const exit = once(child, 'exit');
    const id = await fleet.start(filledTarget);
    await exit;
    await fleet.startWorker(steps);
    await fleet.expireLeases();
    await expectFilledOnce(id);
  });

  test('stops while the rollout is paused, and what an aborted rollout left is taken up by the next', async () => {
    // There is time between two batches in which the pause is heard of.
    steps = await stepsWith(filled.map((each) => ({ ...each, backfill: { ...each.backfill!, pauseMs: 100 } })));
    let id = '';
    let batches = 0;
    const worker = await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'batch' && ++batches === 3) await fleet.move(id, 'running', 'paused');
      },
    });
    id = await fleet.start(filledTarget, { waves: [] });
    await fleet.until('it is paused and given back', async () => {
      const [row] =
        await fleet.dataSource.query<{ state: string; lease_owner: string | null }[]>('SELECT * FROM rollout');
      return row!.state === 'paused' && row!.lease_owner === null ? true : undefined;
    });
    // Each ends the batch that it is at when it hears of the pause; one project alone has ten.
    const untilPaused = batches;
    expect(untilPaused).toBeLessThan(20);
    await worker.close();
    expect(batches).toBe(untilPaused);
    await fleet.move(id, 'paused', 'aborted');

    await fleet.startWorker(steps);
    const next = await fleet.start(filledTarget);
    await expectFilledOnce(next);
  });

  /** The row 55 of every project is refused until the trigger is dropped. */
  const stepsThatFail = (): Promise<SchemaStep[]> => {
    const guard = `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'no' USING ERRCODE = '23514'; END $$`;
    const trigger =
      'CREATE TRIGGER refuse BEFORE UPDATE ON big FOR EACH ROW WHEN (OLD.id = 55) EXECUTE FUNCTION refuse()';
    return stepsWith([{ ...filled[0]!, statements: [...filled[0]!.statements, guard, trigger] }]);
  };
  const mend = async (): Promise<void> => {
    for (const project of fleet.projects) await fleet.inTenant(project, 'DROP TRIGGER refuse ON big');
  };
  const anyFailures = { failedProjects: 4, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 };

  test('that fails is told, and done after a retry', async () => {
    await fleet.startWorker(await stepsThatFail());
    const id = await fleet.start(filledTarget, { budget: anyFailures });
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('backfills-failed');
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'done', backfill: 'failed', error: { code: '23514' } });
    await mend();
    await fleet.retry(id);
    await fleet.resume(id);
    await expectFilledOnce(id);
  });

  test('that fails counts in the budget of its wave, which it stops', async () => {
    await fleet.startWorker(await stepsThatFail());
    const id = await fleet.start(filledTarget);
    expect((await fleet.reached(id, 'paused')).reason).toEqual({
      code: 'budget-exceeded',
      message: '1 of 1 projects of wave 0 failed (1 in their backfills); 1 stops it.',
    });
    expect(await fleet.counts(id)).toEqual({ done: 1, pending: 3 });
  });

  test('that fails can be left out, and the next rollout takes it up', async () => {
    await fleet.startWorker(await stepsThatFail());
    const id = await fleet.start(filledTarget, { waves: [], budget: anyFailures });
    await fleet.reached(id, 'paused');
    await fleet.skip(
      id,
      fleet.projects.map((project) => project.id),
      'ticket 4711',
    );
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect((await fleet.rows(id))['p0']).toMatchObject({
      state: 'done',
      backfill: 'failed',
      skipReason: 'ticket 4711',
    });
    await mend();
    await expectFilledOnce(await fleet.start(filledTarget));
  });

  test('that a rollout left undone is done by the next one, also when that goes to an older schema', async () => {
    const later: readonly SyntheticMigration[] = [counted[0]!, ...filled];
    let id = '';
    await fleet.startWorker(await stepsWith(later), {
      onMoment: async ({ at }) => {
        if (at === 'batch' && (await fleet.get(id)).state === 'running') await fleet.move(id, 'running', 'aborted');
      },
    });
    id = await fleet.start(baseVersion + 2, { waves: [] });
    await fleet.reached(id, 'aborted');
    await fleet.stopWorkers();
    await fleet.startWorker(await stepsWith(later));
    await expectFilledOnce(await fleet.start(baseVersion + 1));
  });

  test('of a project that is purged meanwhile is not waited for', async () => {
    let purged: string | undefined;
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId, rolloutId }) => {
        if (at !== 'batch' || purged !== undefined) return;
        await fleet.until('all are migrated', async () =>
          (await fleet.counts(rolloutId))['done'] === 4 ? true : undefined,
        );
        purged = fleet.projects.find(({ id }) => id !== projectId)!.id;
        await fleet.dataSource.query(`UPDATE tenant_database SET state = 'dropped' WHERE project_id = $1`, [purged]);
        await fleet.dataSource.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [purged]);
      },
    });
    const id = await fleet.start(filledTarget, { waves: [] });
    await fleet.reached(id, 'succeeded');
    const rest = Object.values(await fleet.rows(id));
    expect(rest.map(({ backfill }) => backfill)).toEqual(['done', 'done', 'done']);
  });

  test('waits for the maintenance window of its project, and for the operation that works on it', async () => {
    const [closed, busy] = [fleet.project('p0').id, fleet.project('p1').id];
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId }) => {
        if (at !== 'migrated') return;
        if (projectId === closed) {
          await fleet.dataSource.query('UPDATE project SET maintenance_window = $2 WHERE id = $1', [
            closed,
            closedWindow(),
          ]);
        }
        if (projectId === busy) {
          await fleet.dataSource.query(
            `INSERT INTO operation (id, kind, project_id, state, created_by) VALUES ('op_1', 'project.move', $1, 'running', 'test')`,
            [busy],
          );
        }
      },
    });
    const id = await fleet.start(filledTarget, { waves: [] });
    const rows = await fleet.until('the two others are filled in', async () => {
      const found = await fleet.rows(id);
      return found['p2']?.backfill === 'done' && found['p3']?.backfill === 'done' ? found : undefined;
    });
    expect(rows).toMatchObject({
      p0: { state: 'done', backfill: 'pending', waitsFor: 'window', backfillRows: '0' },
      p1: { state: 'done', backfill: 'pending', waitsFor: 'operation', backfillRows: '0' },
    });
    await fleet.dataSource.query('UPDATE project SET maintenance_window = NULL');
    await fleet.dataSource.query(`UPDATE operation SET state = 'succeeded'`);
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await expectFilledOnce(id);
  });
});
