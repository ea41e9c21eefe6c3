/**
 * The health gate on traffic that was not written by the test: requests to a data plane, which counts them, and migrations
 * that do harm to them. No project is asked besides, so that the counters alone decide.
 */
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { RolloutPlan, WaveHealth } from '#control-database';
import { createLogger, masterKeyProvider, newId } from '#platform';
import { ClusterAdmins } from '../../apps/worker/src/clusters/cluster-admins.js';
import { ReconcilerLoop } from '../../apps/worker/src/reconcilers/reconciler.js';
import { startRollouts } from '../../apps/worker/src/rollouts/start-rollouts.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPlan, baseVersion, stepsWith } from './rollout-fleet.fixture.js';

/** The shortest that the counters' slots can tell apart. */
const windowMs = 10_000;
const minRequests = 10;
/** More than any machine's moods; the share of failed requests is judged all the same. */
const anyTime = { failedProjects: 0, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 1_000_000 };

/** In the order in which they were opened. */
const opened: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of opened.splice(0).toReversed()) await close();
});

interface Judged {
  readonly state: string;
  readonly reason: { code: string; message: string } | null;
  readonly waves: readonly { state: string; health: WaveHealth | null }[];
  /** What the databases of the canary and of the other project have. */
  readonly schemas: readonly number[];
  /** With which status the other project answered, all the time. */
  readonly others: readonly number[];
}

/**
 * Rolls a migration out over two projects that are in use, one of them the canary. Gives how the rollout is when the canary
 * was judged.
 */
async function judged(statements: readonly string[], budget: RolloutPlan['budget']): Promise<Judged> {
  const plane = await aDataPlane();
  opened.push(() => plane.close());
  const [canary, other] = [await plane.createProject('canary'), await plane.createProject('other')];
  await useAllTheTime(plane, canary);
  const others = await useAllTheTime(plane, other);
  await startWorker(plane, statements);
  await inUse(plane, canary);

  const id = newId('rol');
  const health = { windowMs, minRequests, smokeProjects: 0 };
  const plan = aPlan({ waves: [{ projects: [canary.id] }], health, budget });
  await plane.dataSource.query(
    `INSERT INTO rollout (id, target_version, state, plan, created_by) VALUES ($1, $2, 'running', $3, 'test')`,
    [id, baseVersion + 1, JSON.stringify(plan)],
  );
  for (;;) {
    const [found] = await plane.dataSource.query<Omit<Judged, 'others'>[]>(
      `SELECT state, reason,
              (SELECT json_agg(json_build_object('state', w.state, 'health', w.health) ORDER BY w.position)
                 FROM rollout_wave w) AS waves,
              (SELECT json_agg(t.schema_version ORDER BY p.slug) FROM tenant_database t
                 JOIN project p ON p.id = t.project_id) AS schemas
         FROM rollout WHERE id = $1 AND (state <> 'running' OR wave > 0)`,
      [id],
    );
    if (found !== undefined) return { ...found, others: [...others].toSorted((a, b) => a - b) };
    await pause(100);
  }
}

/** Clients of a project, and how long each rests between two requests: slow answers must not be lost among the quick. */
const clients = 8;
const restMs = 500;

/** Reads a patient of the project again and again; gives with which status it was answered. */
async function useAllTheTime(plane: TestPlane, project: TestProject): Promise<ReadonlySet<number>> {
  const answered = new Set<number>();
  const created = await plane.fhir(project, 'Patient', { method: 'POST', body: '{"resourceType":"Patient"}' });
  const { id } = created.json;
  let isOver = false;
  const read = async (): Promise<void> => {
    while (!isOver) {
      answered.add((await plane.fhir(project, `Patient/${id}`)).status);
      await pause(restMs);
    }
  };
  const reading = Array.from({ length: clients }, read);
  opened.push(async () => {
    isOver = true;
    await Promise.all(reading);
  });
  return answered;
}

/** A worker of a release that has one more migration. */
async function startWorker(
  { config, controlUrl, dataSource }: TestPlane,
  statements: readonly string[],
): Promise<void> {
  const logger = createLogger(config, 'worker');
  const admins = new ClusterAdmins(controlUrl);
  await dataSource.query('INSERT INTO fleet (target_version) VALUES ($1)', [baseVersion]);
  // The fixture leaves the operations open that have made its projects.
  await dataSource.query(`UPDATE operation SET state = 'succeeded'`);
  const rollouts = await startRollouts({
    config: { ...config, databaseUrl: controlUrl },
    ...{ dataSource, undurable: dataSource, admins, logger },
    keyProvider: masterKeyProvider(config.masterKey ?? randomBytes(32)),
    steps: await stepsWith([{ name: 'Next', statements }]),
    workerId: 'test',
  });
  const loop = new ReconcilerLoop(rollouts.reconciler, logger);
  loop.wake();
  opened.push(async () => {
    await Promise.all([loop.close(), rollouts.close()]);
    await admins.close();
  });
}

/** Waits until a rollout that begins now finds enough traffic of the project before it: whole slots, already written. */
async function inUse({ dataSource }: TestPlane, { id }: TestProject): Promise<void> {
  const counted = `SELECT FROM project_traffic WHERE project_id = $1 AND requests >= $2
                      AND since BETWEEN now() - interval '13 s' AND now() - interval '5 s'`;
  while ((await dataSource.query<object[]>(counted, [id, minRequests])).length === 0) await pause(100);
}

test('a migration after which requests fail, or are slow, stops the rollout behind its canary; a harmless one does not', async () => {
  const [failing, slow, harmless] = await Promise.all([
    judged(['ALTER TABLE resource RENAME TO resource_of_the_next_release'], anyTime),
    judged(
      [
        'ALTER TABLE resource ENABLE ROW LEVEL SECURITY',
        'CREATE POLICY slow ON resource USING (pg_sleep(0.5)::text IS NOT NULL)',
      ],
      { ...anyTime, p95IncreasePct: 50 },
    ),
    judged(['ALTER TABLE resource ADD note text'], anyTime),
  ]);

  const stopped = {
    state: 'paused',
    waves: [{ state: 'failed' }, { state: 'pending', health: null }],
    schemas: [baseVersion + 1, baseVersion],
    others: [200],
  };
  expect(failing).toMatchObject({
    ...stopped,
    reason: {
      code: 'health-exceeded',
      message: expect.stringMatching(/^Wave 0: [\d.]+ % of the requests failed, against 0 % before/),
    },
  });
  expect(slow).toMatchObject({
    ...stopped,
    reason: {
      code: 'health-exceeded',
      message: expect.stringMatching(/^Wave 0: The 95th percentile of the time to answer is \d{3,}[\d.]* ms, against/),
    },
  });
  expect(harmless).toMatchObject({ state: 'running', reason: null, waves: [{ state: 'passed' }, {}], others: [200] });

  for (const { waves } of [failing, slow, harmless]) {
    const { before, after } = waves[0]!.health!;
    expect(before).toMatchObject({ requests: expect.any(Number), serverErrors: 0 });
    expect(Math.min(before.requests, after.requests)).toBeGreaterThanOrEqual(minRequests);
  }
  expect(failing.waves[0]!.health!.after.serverErrors).toBeGreaterThan(0);
  expect([slow, harmless].map(({ waves }) => waves[0]!.health!.after.serverErrors)).toEqual([0, 0]);
}, 300_000);
