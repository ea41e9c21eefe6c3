import { isDeepStrictEqual } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { newId } from '#platform';
import { sql } from '#postgres';
import type { SchemaStep } from '#tenant-schema';
import {
  baseVersion,
  counted,
  type ProjectRow,
  RolloutFleet,
  stepsWith,
  type SyntheticMigration,
} from './rollout-fleet.fixture.js';

/** The schemas after one and after two more steps. */
const [first, second] = [baseVersion + 1, baseVersion + 2];
const upTo = (version: number): number[] => Array.from({ length: version }, (_, index) => index + 1);

/** Refuses what one project's data may hold. */
const constrained: SyntheticMigration = {
  name: 'Constrained',
  statements: ['SELECT 1', `ALTER TABLE client_secret ADD CONSTRAINT no_bad CHECK (client_id <> 'bad')`],
};
const badRow = `INSERT INTO client_secret (client_id, secret_hash) VALUES ('bad', '')`;

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

const onlyFirst = (): { projects: string[] }[] => [{ projects: [fleet.project('p0').id] }];

/** Nothing of any step behind the first schema is in these databases. */
async function expectUntouched(...slugs: string[]): Promise<void> {
  const truth = await fleet.truth();
  for (const slug of slugs) {
    expect(truth.find((each) => each.slug === slug)).toEqual({ slug, versions: upTo(baseVersion), steps: [] });
  }
}

describe('a rollout', () => {
  test('brings every project to its target, once, wave after wave', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(second);
    const ended = await fleet.reached(id, 'succeeded');
    expect(ended).toMatchObject({ wave: 2, reason: null, finishedAt: expect.any(Date) });
    expect((await fleet.waves(id)).map(({ state }) => state)).toEqual(['passed', 'passed']);
    expect(await fleet.truth()).toEqual(
      fleet.projects.map(({ slug }) => ({ slug, versions: upTo(second), steps: [1, 2] })),
    );
    for (const row of Object.values(await fleet.rows(id))) {
      expect(row).toMatchObject({
        state: 'done',
        attempts: 1,
        fromVersion: baseVersion,
        toVersion: second,
        schemaVersion: second,
        error: null,
        backfill: 'none',
      } satisfies Partial<ProjectRow>);
    }
    expect(await fleet.dataSource.query('SELECT target_version FROM fleet')).toEqual([{ target_version: second }]);
  });

  test('does nothing to projects that are there already, and takes in one that appears behind', async () => {
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    let late: string | undefined;
    await fleet.stopWorkers();
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'planned') late = (await fleet.addProject('late')).slug;
      },
    });
    const id = await fleet.start(first);
    await fleet.reached(id, 'succeeded');
    const rows = await fleet.rows(id);
    expect(rows['p0']).toMatchObject({ state: 'done', attempts: 0, fromVersion: first });
    expect(rows[late!]).toMatchObject({ state: 'done', attempts: 1, fromVersion: baseVersion, schemaVersion: first });
  });

  test('works on no more projects at a time than its plan allows, in all and on one cluster', async () => {
    let [running, most] = [0, 0];
    await fleet.startWorker(steps, {
      onMoment: ({ at }) => {
        if (at === 'begun') most = Math.max(most, ++running);
        if (at === 'migrated') running--;
      },
    });
    await fleet.reached(await fleet.start(first, { waves: [], parallel: 4, parallelPerCluster: 2 }), 'succeeded');
    expect(most).toBe(2);
  });

  test('is left alone by a worker that does not know its target', async () => {
    await fleet.startWorker(await stepsWith([]));
    const id = await fleet.start(first);
    await fleet.startWorker(steps);
    await fleet.reached(id, 'succeeded');
    await expect(fleet.counts(id)).resolves.toEqual({ done: 4 });
  });
});

describe('the schema with which databases are born', () => {
  const target = async (): Promise<number> => {
    const [row] = await fleet.dataSource.query<{ target_version: number }[]>('SELECT target_version FROM fleet');
    return row!.target_version;
  };

  test("is the rollout's as soon as its first wave has passed", async () => {
    const whenBegun: number[] = [];
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'begun') whenBegun.push(await target());
      },
    });
    await fleet.reached(await fleet.start(first, { waves: [{ percent: 50 }] }), 'succeeded');
    expect(whenBegun).toEqual([baseVersion, baseVersion, first, first]);
  });

  test('stays what it was when the canary fails, so that projects can still be made', async () => {
    steps = await stepsWith([constrained]);
    await fleet.inTenant(fleet.project('p0'), badRow);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst() });
    await fleet.reached(id, 'paused');
    expect(await target()).toBe(baseVersion);
    await fleet.move(id, 'paused', 'aborted');
    expect(await target()).toBe(baseVersion);
  });

  test("stays what it was when the canary's health is bad", async () => {
    await fleet.startWorker(steps, { publicDataUrl: 'http://127.0.0.1:9' });
    const health = { windowMs: 0, minRequests: 1, smokeProjects: 1 };
    const id = await fleet.start(first, { waves: onlyFirst(), health });
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('health-exceeded');
    expect(await target()).toBe(baseVersion);
  });

  test("is the rollout's at its end, when no wave had anything to do", async () => {
    await fleet.dataSource.query(`UPDATE project SET schema_pin = ${baseVersion}`);
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    expect(await target()).toBe(first);
  });

  test('may be the older one for a database that is being built when the rollout would end: it is taken along', async () => {
    const operation = newId('op');
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at !== 'planned') return;
        const { id } = await fleet.addProject('late', { state: 'provisioning' });
        await fleet.dataSource.query(`UPDATE tenant_database SET state = 'building' WHERE project_id = $1`, [id]);
        await fleet.dataSource.query(
          `INSERT INTO operation (id, kind, project_id, state, created_by) VALUES ($1, 'project.create', $2, 'running', 'test')`,
          [operation, id],
        );
      },
    });
    const id = await fleet.start(first);
    await fleet.until('it is waited for', async () => {
      const { length } = await fleet.dataSource.query<object[]>(
        `SELECT FROM rollout_project rp JOIN project p ON p.id = rp.project_id
          WHERE p.slug = 'late' AND rp.waits_for = 'operation'`,
      );
      return length > 0 ? true : undefined;
    });
    await fleet.dataSource.query(`UPDATE tenant_database SET state = 'claimed' WHERE state = 'building'`);
    await fleet.dataSource.query(`UPDATE operation SET state = 'succeeded' WHERE id = $1`, [operation]);
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
    expect((await fleet.rows(id))['late']).toMatchObject({ state: 'done', schemaVersion: first });
  });
});

describe('a project that cannot be migrated', () => {
  beforeEach(async () => {
    steps = await stepsWith([constrained]);
    await fleet.inTenant(fleet.project('p0'), badRow);
  });

  test('stops the rollout in its wave, is told exactly, and goes on after a fix and a retry', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst() });
    const paused = await fleet.reached(id, 'paused');
    expect(paused.reason).toMatchObject({ code: 'budget-exceeded' });
    const rows = await fleet.rows(id);
    expect(rows['p0']).toMatchObject({
      state: 'failed',
      attempts: 1,
      schemaVersion: baseVersion,
      errorFingerprint: expect.stringMatching(/^[0-9a-f]{12}$/),
      error: {
        code: '23514',
        migration: 'Constrained',
        statement: { number: 2, text: constrained.statements[1] },
        isTransient: false,
      },
    });
    expect((await fleet.waves(id)).map(({ state }) => state)).toEqual(['failed', 'pending']);
    expect(rows['p1']).toMatchObject({ state: 'pending', attempts: 0, wave: 1 });
    await expectUntouched('p0', 'p1', 'p2', 'p3');

    await fleet.inTenant(fleet.project('p0'), `DELETE FROM client_secret WHERE client_id = 'bad'`);
    await fleet.retry(id);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ done: 4 });
    expect((await fleet.rows(id))['p0']).toMatchObject({ error: null, errorFingerprint: null });
  });

  test('aborts the rollout when its plan says so', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(), onExceeded: 'abort' });
    const aborted = await fleet.reached(id, 'aborted');
    expect(aborted).toMatchObject({ reason: { code: 'budget-exceeded' }, finishedAt: expect.any(Date) });
    await expectUntouched('p0', 'p1', 'p2', 'p3');
  });

  test('within the budget is left behind until it is skipped, and the others go on', async () => {
    await fleet.startWorker(steps);
    const budget = { failedProjects: 1, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 };
    const id = await fleet.start(first, { waves: onlyFirst(), budget });
    expect((await fleet.reached(id, 'paused')).reason).toMatchObject({ code: 'projects-failed' });
    expect(await fleet.counts(id)).toEqual({ done: 3, failed: 1 });
    await fleet.skip(id, [fleet.project('p0').id], 'is to be deleted');
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'skipped', skipReason: 'is to be deleted' });
  });

  test('counts by percent of its wave as well', async () => {
    await fleet.startWorker(steps);
    const budget = { failedProjects: 4, failedPercent: 20, errorRateIncreasePct: 50, p95IncreasePct: 50 };
    const id = await fleet.start(first, { waves: [], parallel: 1, budget });
    expect((await fleet.reached(id, 'paused')).reason?.message).toMatch(/^25 % of wave 0 failed/);
  });

  test('is told with the position of the error in its statement', async () => {
    steps = await stepsWith([{ name: 'Misspelt', statements: ['CREATE TABLE half (id int)', 'SELEC 1'] }]);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst() });
    await fleet.reached(id, 'paused');
    expect((await fleet.rows(id))['p0']?.error).toMatchObject({ code: '42601', statement: { number: 2 }, position: 1 });
    expect(await fleet.inTenant(fleet.project('p0'), `SELECT to_regclass('half') AS half`)).toEqual([{ half: null }]);
  });

  test('because others hold its lock is tried again until they let go', async () => {
    steps = await stepsWith(counted);
    const holder = await fleet.connect(fleet.project('p0').databaseName);
    try {
      let release!: () => void;
      const held = new Promise<void>((resolve) => (release = resolve));
      const holding = holder.transaction(async (within) => {
        await within.query(sql`SELECT count(*) FROM resource`);
        await held;
      });
      await fleet.startWorker(steps);
      const id = await fleet.start(first, { waves: onlyFirst() });
      const waiting = await fleet.until('the first try has failed', async () => {
        const row = (await fleet.rows(id))['p0'];
        return row?.waitsFor === 'retry' ? row : undefined;
      });
      expect(waiting).toMatchObject({ state: 'pending', error: { code: '55P03', isTransient: true } });
      release();
      await holding;
      await fleet.reached(id, 'succeeded');
      const { attempts, error } = (await fleet.rows(id))['p0']!;
      expect({ isAgain: attempts > 1, error }).toEqual({ isAgain: true, error: null });
    } finally {
      await holder.close();
    }
  });

  test('because others migrate its database waits for them, which is no try', async () => {
    steps = await stepsWith(counted);
    const other = await fleet.connect(fleet.project('p0').databaseName);
    await other.query(sql`SELECT pg_advisory_lock(7210034402)`);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(), attempts: 1 });
    const again = async (since?: Date | null) =>
      fleet.until('it waits', async () => {
        const row = (await fleet.rows(id))['p0'];
        return row?.waitsFor === 'retry' && row.dueAt?.getTime() !== since?.getTime() ? row : undefined;
      });
    const { dueAt } = await again();
    expect(await again(dueAt)).toMatchObject({ state: 'pending', attempts: 0, error: { code: '55P03' } });
    await other.close();
    await fleet.reached(id, 'succeeded');
    expect((await fleet.rows(id))['p0']).toMatchObject({ attempts: 1, error: null });
  });

  test('fails for good when its tries are used up', async () => {
    steps = await stepsWith(counted);
    const holder = await fleet.connect(fleet.project('p0').databaseName);
    await holder.query(sql`BEGIN`);
    await holder.query(sql`SELECT count(*) FROM resource`);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(), attempts: 2 });
    await fleet.reached(id, 'paused');
    await holder.close();
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'failed', attempts: 2, error: { code: '55P03' } });
  });
});

describe('of several steps', () => {
  const filled: SyntheticMigration = {
    name: 'Filled',
    statements: [
      'CREATE TABLE big (id integer PRIMARY KEY, twice integer)',
      'INSERT INTO big (id) SELECT generate_series(1, 15)',
    ],
    backfill: {
      batch: `WITH batch AS (SELECT id FROM big WHERE id > coalesce($1, '0')::integer ORDER BY id LIMIT $2),
        done AS (UPDATE big SET twice = 2 * big.id FROM batch WHERE big.id = batch.id RETURNING big.id)
        SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM done`,
      batchSize: 10,
      pauseMs: 0,
    },
  };
  const unfilled = (slug: string) => fleet.inTenant(fleet.project(slug), 'SELECT FROM big WHERE twice IS NULL');

  test('those before the one that fails are recorded, and the next rollout does their backfills', async () => {
    await fleet.inTenant(fleet.project('p0'), badRow);
    await fleet.startWorker(await stepsWith([filled, constrained]));
    const id = await fleet.start(second, { waves: onlyFirst() });
    await fleet.reached(id, 'paused');
    const error = expect.objectContaining({ code: '23514', migration: 'Constrained' });
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'failed', schemaVersion: first, error });
    expect(await unfilled('p0')).toHaveLength(15);
    await fleet.move(id, 'paused', 'aborted');

    await fleet.inTenant(fleet.project('p0'), `DELETE FROM client_secret WHERE client_id = 'bad'`);
    const next = await fleet.start(second);
    await fleet.reached(next, 'succeeded');
    expect(await unfilled('p0')).toEqual([]);
    expect((await fleet.rows(next))['p0']).toMatchObject({ state: 'done', schemaVersion: second, backfill: 'done' });
  });

  test('those that a database has lost since are done again, backfills included', async () => {
    await fleet.dataSource.query('UPDATE tenant_database SET schema_version = $1', [first]);
    await fleet.startWorker(await stepsWith([filled, constrained]));
    await fleet.reached(await fleet.start(second), 'succeeded');
    expect((await fleet.truth()).map(({ versions }) => versions)).toEqual(fleet.projects.map(() => upTo(second)));
    for (const { slug } of fleet.projects) expect(await unfilled(slug)).toEqual([]);
  });
});

describe('who is not to be migrated now', () => {
  const set = (slug: string, assignments: string, ...values: unknown[]): Promise<unknown> =>
    fleet.dataSource.query(`UPDATE project SET ${assignments} WHERE slug = '${slug}'`, values);

  /** Closed for the next twenty-two hours. */
  const closedWindow = (): string => {
    const hour = (new Date().getUTCHours() + 22) % 24;
    const time = (hours: number) => `${String(hours % 24).padStart(2, '0')}:00`;
    return JSON.stringify({ days: [], from: time(hour), until: time(hour + 1) });
  };

  test('is skipped when pinned below the target, until the pin ends', async () => {
    await set('p1', `schema_pin = ${baseVersion}, schema_pin_reason = 'certified'`);
    await set('p2', `schema_pin = ${baseVersion}, schema_pin_until = now() - interval '1 s'`);
    await set('p3', `schema_pin = ${first}`);
    await fleet.startWorker(steps);
    const id = await fleet.start(first);
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ done: 3, skipped: 1 });
    expect((await fleet.rows(id))['p1']).toMatchObject({
      state: 'skipped',
      skipReason: `Pinned to schema ${baseVersion}: certified`,
    });
    await expectUntouched('p1');
  });

  test('is not begun on what was known before others took their time', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    const begun: string[] = [];
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId }) => {
        if (at !== 'begun') return;
        begun.push(projectId!);
        if (begun.length === 1) await held;
      },
    });
    const id = await fleet.start(first, { waves: [], parallel: 1 });
    await fleet.until('the first one is begun', async () => (begun.length > 0 ? true : undefined));
    await fleet.dataSource.query(`UPDATE project SET schema_pin = ${baseVersion} WHERE id <> $1`, [begun[0]]);
    await fleet.until('the others are put back', async () =>
      (await fleet.counts(id))['pending'] === 3 ? true : undefined,
    );
    release();
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ done: 1, skipped: 3 });
    expect(begun).toHaveLength(1);
  });

  test('waits for its maintenance window without holding up later waves', async () => {
    await set('p0', 'maintenance_window = $1', closedWindow());
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [{ projects: [fleet.project('p0').id, fleet.project('p1').id] }] });
    await fleet.until('all others are through', async () => ((await fleet.get(id)).wave === 2 ? true : undefined));
    const row = (await fleet.rows(id))['p0']!;
    expect(row).toMatchObject({ state: 'pending', waitsFor: 'window', attempts: 0 });
    expect(row.dueAt!.getTime() - Date.now()).toBeGreaterThan(20 * 3_600_000);
    expect(await fleet.counts(id)).toEqual({ done: 3, pending: 1 });
    expect((await fleet.get(id)).state).toBe('running');

    // The window opens.
    await set('p0', 'maintenance_window = NULL');
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
  });

  test('waits for the end of an operation, which may put another database in its place', async () => {
    const operation = newId('op');
    await fleet.dataSource.query(
      `INSERT INTO operation (id, kind, project_id, state, created_by) VALUES ($1, 'project.move', $2, 'running', 'test')`,
      [operation, fleet.project('p1').id],
    );
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [] });
    await fleet.until('p1 waits', async () =>
      (await fleet.rows(id))['p1']?.waitsFor === 'operation' ? true : undefined,
    );
    await fleet.until('the others are done', async () => ((await fleet.counts(id))['done'] === 3 ? true : undefined));
    await expectUntouched('p1');
    await fleet.dataSource.query(`UPDATE operation SET state = 'succeeded' WHERE id = $1`, [operation]);
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
  });
});

describe('a contract step', () => {
  const contract: readonly SyntheticMigration[] = [
    counted[0]!,
    { name: 'Contract', phase: 'contract', statements: ['ALTER TABLE resource DROP counted_once'] },
  ];

  test('is refused while a project has not the schema before it, and runs when all have', async () => {
    steps = await stepsWith(contract);
    await fleet.startWorker(steps);
    await fleet.dataSource.query(`UPDATE project SET schema_pin = ${baseVersion} WHERE slug = 'p2'`);
    await fleet.reached(await fleet.start(first), 'succeeded');
    const id = await fleet.start(second);
    const paused = await fleet.reached(id, 'paused');
    expect(paused.reason).toEqual({ code: 'contract-too-early', message: expect.stringContaining('p2') });
    expect(await fleet.rows(id)).toEqual({});
    expect(await fleet.dataSource.query('SELECT target_version FROM fleet')).toEqual([{ target_version: first }]);
    await fleet.move(id, 'paused', 'aborted');

    await fleet.dataSource.query(`UPDATE project SET schema_pin = NULL`);
    await fleet.reached(await fleet.start(first), 'succeeded');
    await fleet.reached(await fleet.start(second), 'succeeded');
    expect((await fleet.truth()).map(({ versions }) => versions)).toEqual(fleet.projects.map(() => upTo(second)));
  });

  test('is looked at again before it runs: a database may have come back from a backup', async () => {
    steps = await stepsWith(contract);
    await fleet.startWorker(steps);
    await fleet.reached(await fleet.start(first), 'succeeded');
    await fleet.stopWorkers();
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at !== 'planned') return;
        await fleet.addProject('restored');
      },
    });
    const id = await fleet.start(second);
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('contract-too-early');
    expect(await fleet.counts(id)).toEqual({ pending: 4 });
  });
});

describe('an operator', () => {
  test('pauses before the next project begins, resumes, and aborts', async () => {
    let id = '';
    let begun = 0;
    const stop = async (state: 'paused' | 'aborted') => {
      await fleet.move(id, 'running', state);
      await fleet.until('those that were to come are put back', async () => {
        const { running } = await fleet.counts(id);
        return running === 1 ? running : undefined;
      });
    };
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'begun' && ++begun === 2) await stop('paused');
        if (at === 'begun' && begun === 3) await stop('aborted');
      },
    });
    id = await fleet.start(first, { waves: [], parallel: 1 });
    const settled = (done: number) =>
      fleet.until(`${done} are done and none runs`, async () => {
        const counts = await fleet.counts(id);
        return counts['done'] === done && counts['running'] === undefined ? counts : undefined;
      });
    expect(await settled(2)).toEqual({ done: 2, pending: 2 });
    expect(begun).toBe(2);
    await fleet.resume(id);
    expect(await settled(3)).toEqual({ done: 3, pending: 1 });
    expect(begun).toBe(3);
    expect((await fleet.get(id)).state).toBe('aborted');
  });
});

describe('a rollout that was paused and goes on', () => {
  test('does not wait for the migrations that were under way', async () => {
    let release!: () => void;
    const held = new Promise<void>((resolve) => (release = resolve));
    let begun = 0;
    await fleet.startWorker(steps, {
      onMoment: async ({ at, rolloutId }) => {
        if (at !== 'begun') return;
        begun++;
        if (begun === 1) await held;
        if (begun !== 2) return;
        await fleet.move(rolloutId, 'running', 'paused');
        await fleet.until('those that were to come are put back', async () =>
          (await fleet.counts(rolloutId))['running'] === 2 ? true : undefined,
        );
      },
    });
    const id = await fleet.start(first, { waves: [], parallel: 2 });
    const standsAt = (counts: object) =>
      fleet.until(`it stands at ${JSON.stringify(counts)}`, async () =>
        isDeepStrictEqual(await fleet.counts(id), counts) ? true : undefined,
      );
    try {
      await standsAt({ done: 1, pending: 2, running: 1 });
      await fleet.resume(id);
      await standsAt({ done: 3, running: 1 });
    } finally {
      release();
    }
    await fleet.reached(id, 'succeeded');
  });
});

describe('the health gate', () => {
  const slow = (share: number): number[] => {
    const counts = new Array<number>(70).fill(0);
    // 2.3 ms, and some of them 126 ms.
    counts[12] = Math.round(100 * (1 - share));
    counts[34] = Math.round(100 * share);
    return counts;
  };

  const served = (slug: string, secondsAgo: number, { slowShare = 0, errors = 0 } = {}): Promise<unknown> =>
    fleet.dataSource.query(
      `INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
       VALUES ($1, now() - $2 * interval '1 s', 'one', 100, $3, $4)`,
      [fleet.project(slug).id, secondsAgo, errors, slow(slowShare)],
    );

  const health = { windowMs: 400, minRequests: 20, smokeProjects: 0 };

  /** Traffic before the wave, which is forgotten when it runs, and, when its project is migrated, after it. */
  const afterMigration = (after: { slowShare?: number; errors?: number }) =>
    fleet.startWorker(steps, {
      onMoment: async ({ at, projectId }) => {
        if (at === 'planned') await served('p0', 5.2);
        if (at === 'begun') await fleet.dataSource.query('DELETE FROM project_traffic');
        // A slot is counted by its middle, which lies five seconds after its beginning.
        if (at === 'recorded' && projectId === fleet.project('p0').id) await served('p0', 4.8, after);
      },
    });

  test.each([
    ['slower', { slowShare: 0.2 }, /95th percentile/],
    ['failing', { errors: 10 }, /10 % of the requests failed, against 0 %/],
  ])('stops after a wave whose projects became %s', async (_, after, message) => {
    await afterMigration(after);
    const id = await fleet.start(first, { waves: onlyFirst(), health });
    const { reason } = await fleet.reached(id, 'paused');
    expect(reason).toEqual({ code: 'health-exceeded', message: expect.stringMatching(message) });
    expect((await fleet.waves(id))[0]).toMatchObject({
      state: 'failed',
      health: {
        before: { requests: 100, serverErrors: 0 },
        after: { requests: 100 },
        exceeded: [expect.stringMatching(message)],
      },
    });
    expect(await fleet.counts(id)).toEqual({ done: 1, pending: 3 });
    await expectUntouched('p1', 'p2', 'p3');

    // The operator has looked, and lets it go on: the wave is watched anew.
    await fleet.dataSource.query(`DELETE FROM project_traffic`);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect((await fleet.waves(id))[0]).toMatchObject({ state: 'passed', health: { exceeded: [] } });
  });

  test('lets a wave pass whose projects are as they were', async () => {
    await afterMigration({ slowShare: 0.02 });
    const id = await fleet.start(first, { waves: onlyFirst(), health });
    await fleet.reached(id, 'succeeded');
    expect((await fleet.waves(id))[0]).toMatchObject({ health: { after: { requests: 100 }, exceeded: [] } });
  });

  test('watches a wave once more when all its counters are gone, and says when there was nothing to judge', async () => {
    const judged: (() => Promise<unknown>)[] = [() => served('p0', 4.8, { errors: 10 })];
    await fleet.startWorker(steps, {
      onMoment: async ({ at }) => {
        if (at === 'planned') await served('p0', 5.2);
        if (at === 'judged') await judged.shift()?.();
      },
    });
    const id = await fleet.start(first, { waves: onlyFirst(), health });
    expect((await fleet.reached(id, 'paused')).reason?.code).toBe('health-exceeded');
    await fleet.dataSource.query('DELETE FROM project_traffic');
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    const notes = (await fleet.waves(id)).map(({ health }) => health?.note);
    expect(notes).toEqual([
      'Its times to answer were not judged: 100 requests before it and 0 after, and 20 are needed.',
      'Its traffic was not judged: 0 requests before it and 0 after, and 20 are needed.',
    ]);
  });

  test('rests between two waves', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(), pauseBetweenWavesMs: 700 });
    await fleet.reached(id, 'succeeded');
    const [row] = await fleet.dataSource.query<{ ms: number }[]>(
      `SELECT extract(epoch FROM b.started_at - a.finished_at)::float8 * 1000 AS ms FROM rollout_wave a, rollout_wave b
        WHERE a.position = 0 AND b.position = 1`,
    );
    expect(row!.ms).toBeGreaterThanOrEqual(699);
  });
});
