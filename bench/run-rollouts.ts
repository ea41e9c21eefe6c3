import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { openControlDatabase, type RolloutPlan } from '#control-database';
import { createLogger, loadConfig, loadMasterKey, masterKeyProvider } from '#platform';
import { sql } from '#postgres';
import type { SchemaStep } from '#tenant-schema';
import { ClusterAdmins } from '../apps/worker/src/clusters/cluster-admins.js';
import { ReconcilerLoop } from '../apps/worker/src/reconcilers/reconciler.js';
import { giveWay } from '../apps/worker/src/give-way.js';
import { startRollouts } from '../apps/worker/src/rollouts/start-rollouts.js';
import type { BenchEnvironment } from './environment.js';

/** Rolls out a schema to the whole fleet in one wave without a health window; gives the databases per second. */
export type RollOut = (
  target: number,
  plan: Pick<RolloutPlan, 'parallel'> & Partial<Pick<RolloutPlan, 'verify'>>,
) => Promise<number>;

/**
 * Runs the worker's part of rollouts in this process, with migrations that no release has, for the time of `work`. The process
 * has the priority of a worker from then on, and what it does beside the rollouts too.
 */
export async function runRollouts(
  { platform, control }: BenchEnvironment,
  steps: readonly SchemaStep[],
  work: (rollOut: RollOut) => Promise<void>,
): Promise<void> {
  giveWay();
  const config = loadConfig(platform.env);
  const databaseUrl = platform.databaseUrl;
  const logger = createLogger(config, 'worker');
  const dataSource = await openControlDatabase({ databaseUrl }, { migrate: false });
  const url = new URL(databaseUrl);
  url.searchParams.set('options', '-c synchronous_commit=off');
  const undurable = await openControlDatabase({ databaseUrl: url.href }, { migrate: false, maxConnections: 4 });
  const admins = new ClusterAdmins(databaseUrl);
  const rollouts = await startRollouts({
    config: { ...config, databaseUrl },
    dataSource,
    undurable,
    admins,
    keyProvider: masterKeyProvider(loadMasterKey(config)),
    steps,
    logger,
    workerId: 'bench',
  });
  const loop = new ReconcilerLoop(rollouts.reconciler, logger);
  loop.wake();
  try {
    await work(async (target, { parallel, verify = false }) => {
      const id = `rol_${randomBytes(13).toString('hex')}`;
      await control.query(sql`
        INSERT INTO rollout (id, target_version, state, plan, created_by)
        VALUES (${id}, ${target}, 'running', ${JSON.stringify(planOf(parallel, verify))}, 'bench')`);
      for (;;) {
        const [row] = await control.query<{ state: string; reason: unknown; done: string; seconds: number | null }>(sql`
          SELECT r.state, r.reason,
                 (SELECT count(*) FROM rollout_project p WHERE p.rollout_id = r.id AND p.attempts > 0) AS done,
                 (SELECT extract(epoch FROM max(p.finished_at) - min(p.started_at))::float8
                    FROM rollout_project p WHERE p.rollout_id = r.id AND p.attempts > 0) AS seconds
            FROM rollout r WHERE r.id = ${id}`);
        if (row?.state === 'succeeded') return Number(row.done) / (row.seconds ?? 1);
        if (row?.state !== 'running') throw new Error(`the rollout is ${row?.state}: ${JSON.stringify(row?.reason)}`);
        await delay(50);
      }
    });
  } finally {
    await rollouts.close();
    await loop.close();
    await admins.close();
    await undurable.destroy();
    await dataSource.destroy();
  }
}

const planOf = (parallel: number, verify: boolean): RolloutPlan => ({
  waves: [{ percent: 100 }],
  parallel,
  parallelPerCluster: parallel,
  pauseBetweenWavesMs: 0,
  attempts: 5,
  budget: { failedProjects: 0, failedPercent: 0, errorRateIncreasePct: 1_000, p95IncreasePct: 1_000 },
  onExceeded: 'pause',
  verify,
  health: { windowMs: 0, minRequests: 1_000_000, smokeProjects: 0 },
});
