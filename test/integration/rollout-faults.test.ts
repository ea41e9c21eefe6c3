import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { identifier, sql } from '#postgres';
import { runs, SeededRandom } from '#testing';
import type { SchemaStep } from '#tenant-schema';
import { countedStep, kindOfStep, rowsToFill, stepOfEachKind } from './rollout-faults-steps.fixture.js';
import { FaultyInstallation } from './rollout-faults.fixture.js';
import { baseVersion, RolloutFleet, stepsWith, type SyntheticMigration } from './rollout-fleet.fixture.js';

const range = (from: number, to: number): number[] => Array.from({ length: to - from + 1 }, (_, index) => from + index);

describe('bad migrations', () => {
  /** What goes wrong, and what is done about it. */
  interface Mishap {
    /** What the migration sends besides the counted step. */
    readonly statements?: readonly string[];
    readonly statementTimeoutMs?: number;
    /** Goes on while the rollout runs; gives what ends it. */
    begin?(project: { databaseName: string; id: string }): Promise<() => Promise<void>>;
    /** Whether the migration itself must be corrected before a retry. */
    readonly isEdited: boolean;
    readonly code?: RegExp;
    readonly reason: string;
  }

  const mishaps: Record<string, Mishap> = {
    'a syntax error': { statements: ['SELEC 1'], isEdited: true, code: /^42601$/, reason: 'budget-exceeded' },
    'a statement that takes too long': {
      statements: ['SELECT pg_sleep(20)'],
      statementTimeoutMs: 150,
      isEdited: true,
      code: /^57014$/,
      reason: 'budget-exceeded',
    },
    'a constraint that one project violates': {
      statements: [
        `ALTER TABLE client_secret ADD CONSTRAINT no_bad CHECK (client_id <> 'bad')`,
        'ALTER TABLE client_secret DROP CONSTRAINT no_bad',
      ],
      begin: async (project) => {
        await fleet.inTenant(project, `INSERT INTO client_secret (client_id, secret_hash) VALUES ('bad', '')`);
        return async () => void (await fleet.inTenant(project, `DELETE FROM client_secret WHERE client_id = 'bad'`));
      },
      isEdited: false,
      code: /^23514$/,
      reason: 'budget-exceeded',
    },
    'a lock that traffic does not give': {
      begin: async ({ databaseName }) => {
        const traffic = await fleet.connect(databaseName);
        await traffic.query(sql`BEGIN`);
        await traffic.query(sql`SELECT count(*) FROM resource`);
        return () => traffic.close();
      },
      isEdited: false,
      code: /^55P03$/,
      reason: 'budget-exceeded',
    },
    'a deadlock with traffic': {
      statements: ['ALTER TABLE client_secret ADD deadlocked integer', 'ALTER TABLE client_secret DROP deadlocked'],
      begin: async (project) => deadlockingTraffic(project.databaseName),
      isEdited: false,
      code: /^(40P01|55P03)$/,
      reason: 'budget-exceeded',
    },
    'answers that become slow': {
      begin: async ({ id }) => slowAnswers(id),
      isEdited: false,
      reason: 'health-exceeded',
    },
  };

  let fleet: RolloutFleet;
  const random = new SeededRandom(20_261_121);

  beforeAll(async () => {
    fleet = await RolloutFleet.open(5);
  });
  afterAll(async () => {
    await Promise.all(ends.splice(0).map((each) => each()));
    await fleet.close();
  });

  const ends: (() => Promise<void>)[] = [];

  /** Holds what the migration takes second, and asks for what it took first as soon as it waits. */
  async function deadlockingTraffic(databaseName: string): Promise<() => Promise<void>> {
    let stopped = false;
    const [traffic, watcher] = [await fleet.connect(databaseName), await fleet.connect(databaseName)];
    await fleet.admin.query(sql`ALTER DATABASE ${identifier(databaseName)} SET deadlock_timeout = '100ms'`);
    await traffic.query(sql`SET deadlock_timeout = '10s'`);
    const isWaited = async (): Promise<boolean> =>
      (
        await watcher.query(sql`SELECT FROM pg_locks WHERE NOT granted AND relation = 'client_secret'::regclass
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
      ).length > 0;
    const going = (async () => {
      while (!stopped) {
        await traffic.transaction(async (within) => {
          await within.query(sql`LOCK TABLE client_secret IN ROW EXCLUSIVE MODE`);
          while (!stopped && !(await isWaited())) await pause(5);
          await within.query(sql`SELECT count(*) FROM resource`);
        });
      }
    })();
    return async () => {
      stopped = true;
      await going;
      await Promise.all([traffic.close(), watcher.close()]);
    };
  }

  /** The project's answers take longer as soon as it is migrated, which only the counters show. */
  async function slowAnswers(projectId: string): Promise<() => Promise<void>> {
    const latency = (bucket: number): number[] => range(0, 69).map((place) => (place === bucket ? 100 : 0));
    const serve = (secondsAgo: number, bucket: number) =>
      fleet.dataSource.query(
        `INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
         VALUES ($1, clock_timestamp() - $2 * interval '1 s', $3, 100, 0, $4)`,
        [projectId, secondsAgo, randomBytes(4).toString('hex'), latency(bucket)],
      );
    onRecorded = async (recorded) => {
      if (recorded === projectId) await serve(4.9, 34);
    };
    onPlanned = () => serve(5.1, 12);
    return async () => {
      [onRecorded, onPlanned] = [undefined, undefined];
      await fleet.dataSource.query('DELETE FROM project_traffic');
    };
  }

  let onRecorded: ((projectId: string | undefined) => Promise<void>) | undefined;
  /** The wave begins right after it, and what was served before is what counts up to then. */
  let onPlanned: (() => Promise<unknown>) | undefined;

  const kinds = Object.keys(mishaps);
  const cases = range(1, runs({ sample: kinds.length, deep: 50 })).map((number) => {
    const kind = number <= kinds.length ? kinds[number - 1]! : random.pick(kinds);
    return { number, kind, victim: random.below(5), canaries: 1 + random.below(3) };
  });

  test.each(cases)('$number: $kind stops within the canary wave, and a retry completes', async (of) => {
    const mishap = mishaps[of.kind]!;
    const good = [...applied];
    const corrected = countedStep(of.number);
    const bad: SyntheticMigration = {
      ...corrected,
      statements: [...corrected.statements, ...(mishap.statements ?? [])],
      ...(mishap.statementTimeoutMs === undefined ? {} : { statementTimeoutMs: mishap.statementTimeoutMs }),
    };
    const steps = await stepsWith([...good, bad]);
    const [before, target] = [baseVersion + of.number - 1, baseVersion + of.number];
    const victim = fleet.projects[of.victim]!;
    const canaries = [victim, ...fleet.projects.filter((project) => project !== victim)].slice(0, of.canaries);
    const work = (of: readonly SchemaStep[]) =>
      fleet.startWorker(of, {
        onMoment: async ({ at, projectId }) => {
          if (at === 'recorded') await onRecorded?.(projectId);
          if (at === 'planned') await onPlanned?.();
        },
      });
    const end = await mishap.begin?.(victim);
    if (end !== undefined) ends.push(end);
    await work(steps);
    const id = await fleet.start(target, {
      waves: [{ projects: canaries.map(({ id: each }) => each) }],
      attempts: 2,
      health: { windowMs: 300, minRequests: 20, smokeProjects: 0 },
    });
    expect((await fleet.reached(id, 'paused')).reason).toMatchObject({ code: mishap.reason });
    await fleet.stopWorkers();

    // Nobody behind the canaries was touched, and the rows say of everybody what is true.
    const rows = await fleet.rows(id);
    const truth = await fleet.truth();
    for (const { slug, versions, steps: done } of truth) {
      const row = rows[slug]!;
      expect([slug, row.schemaVersion]).toEqual([slug, versions.at(-1)]);
      expect(done).toEqual(range(1, row.schemaVersion - baseVersion));
      expect([slug, row.state === 'done']).toEqual([slug, row.schemaVersion === target]);
      if (!canaries.some((canary) => canary.slug === slug))
        expect(row).toMatchObject({ state: 'pending', attempts: 0, schemaVersion: before });
    }
    const row = rows[victim.slug]!;
    if (mishap.code === undefined) expect(row.state).toBe('done');
    else {
      expect(row).toMatchObject({
        state: 'failed',
        error: { code: expect.stringMatching(mishap.code), migration: bad.name },
      });
      expect(row.error?.statement?.text).toEqual(expect.any(String));
    }

    await Promise.all(ends.splice(0).map((each) => each()));
    await work(mishap.isEdited ? await stepsWith([...good, corrected]) : steps);
    await fleet.retry(id);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    await fleet.stopWorkers();
    expect(await fleet.counts(id)).toEqual({ done: 5 });
    for (const { steps: done } of await fleet.truth()) expect(done).toEqual(range(1, of.number));
    applied.push(mishap.isEdited ? corrected : bad);
  });

  /** The migrations as they were applied in the end. */
  const applied: SyntheticMigration[] = [];
});

describe('faults', () => {
  const projects = runs({ sample: 8, deep: 50 });
  const wanted = runs({ sample: 30, deep: 2_000 });
  /** One for each rollout, and more than are ever needed. */
  const synthetic = range(1, Math.max(60, wanted / 4)).map(stepOfEachKind);
  /** Rests between its waves let faults come at every stage of a rollout. */
  const plan = {
    waves: [{ percent: 20 }, { percent: 40 }, { percent: 60 }],
    parallel: 3,
    pauseBetweenWavesMs: 150,
    // The most that the API accepts.
    attempts: 20,
  };

  let installation: FaultyInstallation;
  beforeAll(async () => {
    installation = await FaultyInstallation.open(projects, synthetic);
  }, 120_000);
  afterAll(() => installation?.close(), 120_000);

  test(
    `${wanted} of them, over and over, apply nothing twice and lose nothing`,
    async () => {
      const random = new SeededRandom(5);
      const faults = installation.faults(random);
      await installation.startWorkers(3);
      const kinds = Object.keys(faults);
      const weighted = kinds.flatMap((kind) => Array<string>(faults[kind]!.weight).fill(kind));
      let [injected, rollouts, stopped] = [0, 0, false];
      const injecting = (async () => {
        for (; injected < wanted && !stopped; injected++) {
          // Each kind once, and then by chance.
          await faults[kinds[injected] ?? random.pick(weighted)]!.inject();
          await pause(random.below(60));
        }
      })();
      // It is waited for below; until then its failure is nobody's.
      injecting.catch(() => (stopped = true));

      let target = baseVersion;
      try {
        while ((injected < wanted && !stopped) || rollouts === 0) {
          if (++target > baseVersion + synthetic.length) throw new Error('there were not enough steps');
          await installation.rollOut(target, plan);
          rollouts++;
        }
      } finally {
        stopped = true;
        await injecting;
      }
      await installation.calmDown();

      // Equal everywhere, each step and each row of a backfill once, and the control database knows it.
      const applied = range(1, target - baseVersion);
      const truth = await installation.truth();
      for (const { slug, versions, steps, found } of truth) {
        expect([slug, versions]).toEqual([slug, range(1, target)]);
        expect([slug, steps]).toEqual([slug, applied.filter((number) => kindOfStep(number) === 'counted')]);
        expect([slug, found]).toEqual([
          slug,
          {
            unfinishedIndexes: 0,
            filledOnce: rowsToFill * applied.filter((n) => kindOfStep(n) === 'filled').length,
            rest: 0,
          },
        ]);
      }
      expect(new Set(truth.map(({ fingerprint }) => fingerprint)).size).toBe(1);
      expect(await installation.recordedVersions()).toEqual([target]);
      // Every operation that was asked for has ended, once.
      const { asked, logged } = await installation.jobs();
      expect(logged).toEqual(asked);
      expect(installation.heldTooLong).toEqual([]);
      // Only those that were killed have ended.
      for (const worker of installation.workers) expect([worker.exitCode, worker.signalCode]).toEqual([null, null]);
    },
    runs({ sample: 240_000, deep: 7_200_000 }),
  );
});
