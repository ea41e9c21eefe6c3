/** How a rollout goes over the fleet, whom it leaves for later, and how operators stop it and let it go on. */
import { isDeepStrictEqual } from 'node:util';
import { newId } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import { baseVersion, counted, type ProjectRow, RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';
import {
  closedWindow,
  constrained,
  expectUntouched,
  filling,
  first,
  mend,
  onlyFirst,
  second,
  spoil,
  upTo,
} from './rollout-migrations.fixture.js';

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

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

  test('works on no more projects of a cluster at a time than the cluster keeps connections for', async () => {
    await fleet.dataSource.query('UPDATE cluster SET reserved_connections = 20');
    let [running, most] = [0, 0];
    await fleet.startWorker(steps, {
      onMoment: ({ at }) => {
        if (at === 'begun') most = Math.max(most, ++running);
        if (at === 'migrated') running--;
      },
    });
    await fleet.reached(await fleet.start(first, { waves: [], parallel: 4 }), 'succeeded');
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

describe('of several steps', () => {
  const filled = filling(15);
  const unfilled = (slug: string) => fleet.inTenant(fleet.project(slug), 'SELECT FROM big WHERE twice IS NULL');

  test('those before the one that fails are recorded, and the next rollout does their backfills', async () => {
    await spoil(fleet, 'p0');
    await fleet.startWorker(await stepsWith([filled, constrained]));
    const id = await fleet.start(second, { waves: onlyFirst(fleet) });
    await fleet.reached(id, 'paused');
    const error = expect.objectContaining({ code: '23514', migration: 'Constrained' });
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'failed', schemaVersion: first, error });
    expect(await unfilled('p0')).toHaveLength(15);
    await fleet.move(id, 'paused', 'aborted');

    await mend(fleet, 'p0');
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
    await expectUntouched(fleet, 'p1');
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
    await set('p0', 'maintenance_window = $1', JSON.stringify(closedWindow()));
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [{ projects: [fleet.project('p0').id, fleet.project('p1').id] }] });
    await fleet.until('all others are through', async () => ((await fleet.get(id)).wave === 2 ? true : undefined));
    const row = (await fleet.rows(id))['p0']!;
    expect(row).toMatchObject({ state: 'pending', waitsFor: 'window', attempts: 0 });
    expect(row.dueAt!.getTime() - Date.now()).toBeGreaterThan(20 * 3_600_000);
    expect(await fleet.counts(id)).toEqual({ done: 3, pending: 1 });
    expect((await fleet.get(id)).state).toBe('running');

    // An operator takes the window away.
    await fleet.setWindow('p0', null);
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
    await expectUntouched(fleet, 'p1');
    await fleet.dataSource.query(`UPDATE operation SET state = 'succeeded' WHERE id = $1`, [operation]);
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
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
