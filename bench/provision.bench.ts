import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { sql } from '#postgres';
import { expectStatus } from '#testing';
import { bareDatabase, bareProject, bareTenant, templateOf } from './bare-provisioning.js';
import { type BenchEnvironment, withEnvironment } from './environment.js';
import { median, percentile, publish, round } from './report.js';

const SPARES = 5;
const FROM_SPARES = 40;
const ROUNDS = 7;
const WITHOUT_SPARES = 12;
/** How many databases the worker builds at a time; the bare loop runs as many. */
const PARALLEL = 4;

/**
 * Two figures. From a spare: POST /projects until the first FHIR 201 on the new base URL, one after another with five
 * spares ready, beside one bare `CREATE DATABASE … TEMPLATE`. Without spares: projects per second beside a loop of bare
 * database, role and grants, equally parallel; and, for information, beside the same with a project's first resources,
 * which is the most that any way of making projects could reach. These three take turns, in rounds, because what a
 * database costs changes threefold within a minute; what counts is the median of the rounds' ratios.
 */
export async function benchProvision(): Promise<void> {
  await withEnvironment(async (environment) => {
    const admin = new pg.Pool({ connectionString: environment.platform.databaseUrl, max: PARALLEL });
    await untilSpares(environment, SPARES);
    const template = await templateOf(environment);
    const spare: number[] = [];
    const bare: number[] = [];
    for (let index = 0; index < FROM_SPARES; index++) {
      await untilSpares(environment, SPARES);
      spare.push(await projectUntilFirstCreate(environment, `spare-${index}`));
      bare.push(await bareDatabase(admin, template));
    }

    await environment.control.query(sql`UPDATE cluster SET spare_target = 0`);
    await useUpSpares(environment);
    const rounds: { built: number; bare: number; seeded: number }[] = [];
    for (let index = 0; index < ROUNDS; index++) {
      rounds.push({
        built: await ratePerSecond((nth) => projectUntilFirstCreate(environment, `built-${index}-${nth}`)),
        bare: await ratePerSecond(() => bareTenant(environment, admin, template)),
        seeded: await ratePerSecond(() => bareProject(environment, admin, template)),
      });
    }
    await admin.end();

    const p50 = percentile(spare, 0.5) / percentile(bare, 0.5);
    const p99 = percentile(spare, 0.99) / percentile(bare, 0.5);
    const ratios = rounds.map(({ built, bare }) => built / bare);
    const ratio = median(ratios);
    const ceiling = median(rounds.map(({ seeded, bare }) => seeded / bare));
    const rate = (of: 'built' | 'bare' | 'seeded') => `${round(median(rounds.map((each) => each[of])))} /s`;
    await publish({
      name: 'provision',
      floor: 'without spares: bare CREATE DATABASE … TEMPLATE + role + grants, equally parallel',
      ratio,
      rows: [
        {
          what: 'from a spare: POST until the first FHIR 201',
          p50: `${round(percentile(spare, 0.5))} ms`,
          p99: `${round(percentile(spare, 0.99))} ms`,
        },
        {
          what: 'bare CREATE DATABASE … TEMPLATE',
          p50: `${round(percentile(bare, 0.5))} ms`,
          p99: `${round(percentile(bare, 0.99))} ms`,
        },
        { what: 'without spares: projects', p50: rate('built'), p99: '' },
        { what: 'bare databases with role and grants', p50: rate('bare'), p99: '' },
        { what: 'the same with the first resources of a project', p50: rate('seeded'), p99: '' },
      ],
      checks: {
        'from a spare, p50': {
          measured: `${p50.toFixed(2)} × one bare CREATE DATABASE`,
          limit: '≤ 2',
          holds: p50 <= 2,
        },
        'from a spare, p99': {
          measured: `${p99.toFixed(2)} × one bare CREATE DATABASE`,
          limit: '≤ 10',
          holds: p99 <= 10,
        },
        'without spares': {
          measured: `${ratio.toFixed(2)} of the bare loop (${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}; with the first resources it reaches ${ceiling.toFixed(2)} itself)`,
          limit: '≥ 0.7',
          holds: ratio >= 0.7,
        },
      },
    });
  });
}

/** ms from POST /projects until the first resource is stored under the new base URL. */
async function projectUntilFirstCreate({ platform }: BenchEnvironment, slug: string): Promise<number> {
  await platform.operatorToken();
  const started = performance.now();
  const project = await platform.createProject(slug);
  const { clientId, clientSecret } = project.adminClient;
  const created = await fetch(`${project.baseUrl}fhir/R4/Patient`, {
    method: 'POST',
    headers: {
      authorization: `Basic ${Buffer.from(`${clientId}:${clientSecret}`).toString('base64')}`,
      'content-type': 'application/fhir+json',
    },
    body: '{"resourceType":"Patient","active":true}',
  });
  await expectStatus(created, 201);
  return performance.now() - started;
}

async function ratePerSecond(work: (index: number) => Promise<unknown>): Promise<number> {
  let next = 0;
  const started = performance.now();
  await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      while (next < WITHOUT_SPARES) await work(next++);
    }),
  );
  return WITHOUT_SPARES / ((performance.now() - started) / 1000);
}

/** Creates projects until no spare is left; one that is being built is finished first, which takes a moment's rest. */
async function useUpSpares(environment: BenchEnvironment): Promise<void> {
  for (let used = 0; ;) {
    const [ready, building] = await sparesOf(environment);
    if (ready > 0) await projectUntilFirstCreate(environment, `last-spare-${used++}`);
    else if (building > 0) await delay(50);
    else return;
  }
}

/** Waits until `wanted` spares are ready and none is being built. */
async function untilSpares(environment: BenchEnvironment, wanted: number): Promise<void> {
  const deadline = Date.now() + 60_000;
  for (;;) {
    const [ready, building] = await sparesOf(environment);
    if (ready >= wanted && building === 0) return;
    if (Date.now() > deadline) throw new Error(`there are ${ready} spares after 60 s, not ${wanted}`);
    await delay(20);
  }
}

/** How many spares are ready, and how many are being built. */
async function sparesOf({ control }: BenchEnvironment): Promise<[number, number]> {
  const [row] = await control.query<{ ready: number; building: number }>(sql`
    SELECT count(*) FILTER (WHERE state = 'spare')::int AS ready,
           count(*) FILTER (WHERE state = 'building')::int AS building
    FROM tenant_database`);
  return [row?.ready ?? 0, row?.building ?? 0];
}
