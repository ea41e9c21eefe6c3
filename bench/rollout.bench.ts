import { availableParallelism } from 'node:os';
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
/** As many databases at a time as leave half of the machine to the requests, and as many as an operator gets unasked. */
const CAREFUL = Math.max(1, Math.floor(availableParallelism() / 2));
const USUAL = 4;
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
    const idle = await emptyTenants(environment, PROJECTS - LIVE_PROJECTS);
    const databases = [...live.map(({ database }) => database), ...idle];
    const lanes = [...new Set([CAREFUL, USUAL])];
    const newest = tenantMigrations.length;
    const last = newest + lanes.length * ROUNDS;
    const steps = [...(await schemaSteps(tenantMigrations))];
    for (let version = newest + 1; version <= last; version++) steps.push(expandStep(version, steps));
    const traffic = new LiveTraffic(live);
    await bareMigrations(environment, databases, USUAL, newest);

    const undisturbed = () => traffic.during(() => delay(QUIET_SECONDS * 1000));
    // The first requests of a project open its connections, and are none of those that are compared.
    await undisturbed();
    const quiet = percentile((await undisturbed()).latencies, 0.95);
    await runRollouts(environment, steps, async (rollOut) => {
      const passes: Passes[] = [];
      for (const [index, parallel] of lanes.entries()) {
        const first = newest + index * ROUNDS + 1;
        passes.push(await inTurns({ environment, databases, traffic, rollOut, parallel, first }));
      }
      const careful = passes.find(({ parallel }) => parallel === CAREFUL)!;
      const started = performance.now();
      await rollOut(last, { parallel: USUAL });
      const centralMs = performance.now() - started;
      const looked = await lookedInto(environment, databases, () => rollOut(last, { parallel: USUAL, verify: true }));
      const least = Math.min(...passes.map(ratioOf));
      const timesBefore = (latencies: readonly number[]) => percentile(latencies, 0.95) / quiet;
      const p95 = timesBefore(careful.ours.latencies);
      const failed = passes.reduce((sum, { ours }) => sum + ours.failed, 0);
      const asked = passes.reduce((sum, { ours }) => sum + ours.latencies.length, 0);
      await publish({
        name: 'rollout',
        floor: 'a bare loop over the same databases: connect, lock, three statements, version row, commit',
        ratio: least,
        rows: [
          ...passes.flatMap(({ parallel, ours, bare }) => [
            {
              what: `rollout over ${PROJECTS} projects, ${parallel} at a time, traffic on ${LIVE_PROJECTS}`,
              'databases/s': round(median(ours.rates)),
              'p95 × before': timesBefore(ours.latencies).toFixed(2),
            },
            {
              what: `bare loop, ${parallel} at a time`,
              'databases/s': round(median(bare.rates)),
              'p95 × before': timesBefore(bare.latencies).toFixed(2),
            },
          ]),
          {
            what: 'rollout that looks into each, all up to date',
            'databases/s': round(looked.ours),
            'p95 × before': '',
          },
          { what: 'bare loop that reads the version', 'databases/s': round(looked.bare), 'p95 × before': '' },
        ],
        checks: {
          'databases per second': {
            measured: `${passes.map((pass) => `${ratioOf(pass).toFixed(2)} of the bare loop, ${pass.parallel} at a time`).join('; ')}`,
            limit: '≥ 0.8',
            holds: least >= 0.8,
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
          'failed requests meanwhile': { measured: `${failed} of ${asked}`, limit: '0', holds: failed === 0 },
          [`p95 of requests meanwhile, ${CAREFUL} at a time`]: {
            measured: `${p95.toFixed(2)} × before (${round(quiet)} ms)`,
            limit: '≤ 1.5',
            holds: p95 <= 1.5,
          },
        },
      });
    });
  });
}

/** What one of the two did: databases per second of each pass, and the traffic meanwhile. */
interface Side {
  readonly rates: number[];
  readonly latencies: number[];
  failed: number;
}

/** The passes of both with so many databases at a time. */
interface Passes {
  readonly parallel: number;
  readonly ours: Side;
  readonly bare: Side;
}

const aSide = (): Side => ({ rates: [], latencies: [], failed: 0 });

const ratioOf = ({ ours, bare }: Passes): number => median(ours.rates) / median(bare.rates);

/** Rolls out the schemas from `first` on, one in each pass, in turns with the bare loop. */
async function inTurns(options: {
  readonly environment: BenchEnvironment;
  readonly databases: readonly string[];
  readonly traffic: LiveTraffic;
  readonly rollOut: RollOut;
  readonly parallel: number;
  readonly first: number;
}): Promise<Passes> {
  const { environment, databases, traffic, rollOut, parallel, first } = options;
  const passes: Passes = { parallel, ours: aSide(), bare: aSide() };
  const run = async (side: Side, work: () => Promise<number>): Promise<void> => {
    const { latencies, failed } = await traffic.during(async () => side.rates.push(await work()));
    side.latencies.push(...latencies);
    side.failed += failed;
  };
  for (let version = first; version < first + ROUNDS; version++) {
    await run(passes.ours, () => rollOut(version, { parallel }));
    await run(passes.bare, () => bareMigrations(environment, databases, parallel, version));
  }
  return passes;
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
    bare.push(await bareVersionReads(environment, databases, USUAL));
  }
  return { ours: median(ours), bare: median(bare) };
}

async function liveProjects({ platform, tenantDatabaseOf }: BenchEnvironment) {
  const live: { url: string; authorization: string; database: string }[] = [];
  for (let index = 0; index < LIVE_PROJECTS; index++) {
    const project = await platform.createProject(`live-${index}`);
    live.push({
      url: `${project.baseUrl}fhir/R4/Patient`,
      authorization: `Bearer ${await platform.clientToken(project)}`,
      database: await tenantDatabaseOf(project.id),
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
