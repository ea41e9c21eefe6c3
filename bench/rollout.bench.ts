import { setTimeout as delay } from 'node:timers/promises';
import { tenantMigrations } from '#migrations/tenant';
import { schemaSteps, type SchemaStep } from '#tenant-schema';
import { bareVersionReads, bareMigrations } from './bare-migrations.js';
import { type BenchEnvironment, withEnvironment } from './environment.js';
import { emptyTenants } from './empty-tenants.js';
import { LiveTraffic } from './live-traffic.js';
import { median, percentile, publish, round } from './report.js';
import { type RollOut, runRollouts } from './run-rollouts.js';

const PROJECTS = Number(process.argv[3] ?? 1_000);
const LIVE_PROJECTS = 20;
const PARALLEL = 4;
const ROUNDS = 3;
const LOOK_ROUNDS = 5;
const QUIET_SECONDS = 10;

/**
 * A rollout of a three-statement expand migration over a fleet, with traffic on 20 of its projects, beside a bare loop
 * that does the same to the same databases, equally parallel: connect, lock, three statements, version row, commit. Both
 * go over the fleet in turns, with the same traffic, after a first pass that counts for neither, because a database's
 * first connection is slow. Then, without traffic, a rollout over the fleet as it is: by what the control database knows,
 * and looking into each database, beside a bare loop that reads the version in each.
 */
export async function benchRollout(): Promise<void> {
  await withEnvironment(async (environment) => {
    const live = await liveProjects(environment);
    await environment.platform.kill('worker', 'SIGTERM');
    const databases = await emptyTenants(environment, PROJECTS - LIVE_PROJECTS);
    const newest = tenantMigrations.length;
    const steps = [...(await schemaSteps(tenantMigrations))];
    for (let pass = 1; pass <= ROUNDS; pass++) steps.push(expandStep(newest + pass, steps));
    const traffic = new LiveTraffic(live);
    await bareMigrations(environment, databases, PARALLEL, 0);

    const before = await traffic.during(() => delay(QUIET_SECONDS * 1000));
    const ours: number[] = [];
    const bare: number[] = [];
    const latencies: number[] = [];
    const bareLatencies: number[] = [];
    let failed = 0;
    await runRollouts(environment, steps, async (rollOut) => {
      for (let pass = 1; pass <= ROUNDS; pass++) {
        let perSecond = 0;
        const during = await traffic.during(async () => {
          perSecond = await rollOut(newest + pass, { parallel: PARALLEL });
        });
        latencies.push(...during.latencies);
        failed += during.failed;
        ours.push(perSecond);
        const beside = await traffic.during(async () =>
          bare.push(await bareMigrations(environment, databases, PARALLEL, pass)),
        );
        bareLatencies.push(...beside.latencies);
      }
      const started = performance.now();
      await rollOut(newest + ROUNDS, { parallel: PARALLEL });
      const centralMs = performance.now() - started;
      const looked = await lookedInto(environment, databases, () =>
        rollOut(newest + ROUNDS, { parallel: PARALLEL, verify: true }),
      );
      const ratio = median(ours) / median(bare);
      const timesBefore = (during: readonly number[]) => percentile(during, 0.95) / percentile(before.latencies, 0.95);
      const p95 = timesBefore(latencies);
      await publish({
        name: 'rollout',
        floor: 'a bare loop over the same databases: connect, lock, three statements, version row, commit',
        ratio,
        rows: [
          {
            what: `rollout over ${PROJECTS} projects, traffic on ${LIVE_PROJECTS}`,
            'databases/s': round(median(ours)),
          },
          { what: 'bare loop', 'databases/s': round(median(bare)) },
          { what: 'rollout that looks into each, all up to date', 'databases/s': round(looked.ours) },
          { what: 'bare loop that reads the version', 'databases/s': round(looked.bare) },
        ],
        checks: {
          'databases per second': {
            measured: `${ratio.toFixed(2)} of the bare loop`,
            limit: '≥ 0.8',
            holds: ratio >= 0.8,
          },
          'a fleet that is up to date': {
            measured: `${Math.round(centralMs)} ms`,
            limit: '≤ 2,000 ms',
            holds: centralMs <= 2_000,
          },
          'looking into each of an up-to-date fleet': {
            measured: `${(looked.ours / looked.bare).toFixed(2)} of the bare loop that reads the version`,
            limit: '≥ 0.8',
            holds: looked.ours / looked.bare >= 0.8,
          },
          'failed requests meanwhile': {
            measured: `${failed} of ${latencies.length}`,
            limit: '0',
            holds: failed === 0,
          },
          'p95 of requests meanwhile': {
            measured: `${p95.toFixed(2)} × before (${round(percentile(before.latencies, 0.95))} ms); beside the bare loop ${timesBefore(bareLatencies).toFixed(2)} ×`,
            limit: '≤ 1.5',
            holds: p95 <= 1.5,
          },
        },
      });
    });
  });
}

/** Databases per second of a rollout that only looks and of a loop that reads the version, in turns: the median of each. */
async function lookedInto(
  environment: BenchEnvironment,
  databases: readonly string[],
  look: () => ReturnType<RollOut>,
): Promise<{ ours: number; bare: number }> {
  const ours: number[] = [];
  const bare: number[] = [];
  for (let round = 1; round <= LOOK_ROUNDS; round++) {
    ours.push(await look());
    bare.push(await bareVersionReads(environment, databases, PARALLEL));
  }
  return { ours: median(ours), bare: median(bare) };
}

async function liveProjects({ platform }: BenchEnvironment) {
  const live: { url: string; authorization: string }[] = [];
  for (let index = 0; index < LIVE_PROJECTS; index++) {
    const project = await platform.createProject(`live-${index}`);
    live.push({
      url: `${project.baseUrl}fhir/R4/Patient`,
      authorization: `Bearer ${await platform.clientToken(project)}`,
    });
  }
  return live;
}

/** Adds a column, a table and an index on it, under names that no other round uses. */
function expandStep(version: number, before: readonly SchemaStep[]): SchemaStep {
  const [model] = before;
  if (model === undefined) throw new Error('There is no migration to go on from.');
  return {
    ...model,
    version,
    name: `BenchExpand${version}`,
    phase: 'expand',
    statements: [
      `ALTER TABLE resource_text ADD COLUMN bench_${version} integer`,
      `CREATE TABLE bench_slot_${version} (id bigint PRIMARY KEY, taken_at timestamptz NOT NULL)`,
      `CREATE INDEX bench_slot_${version}_taken ON bench_slot_${version} (taken_at)`,
    ],
    checksum: `bench-${version}`,
  };
}
