/** Rollouts that look into databases which are thought to have the schema, and those that meet another one than was thought. */
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
import { closedWindow, contracted, first, second, upTo } from './rollout-migrations.fixture.js';

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(3);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

/** Writes down another schema for projects than their databases have, all of them or one: somebody's mistake. */
const think = (version: number, slug?: string): Promise<unknown> =>
  fleet.dataSource.query(
    `UPDATE tenant_database t SET schema_version = $1 FROM project p WHERE p.id = t.project_id AND ($2::text IS NULL OR p.slug = $2)`,
    [version, slug ?? null],
  );

/** The ids of the projects whose databases are opened from now on, in the order of their slugs. */
function watched(): { slugs: () => string[]; onMoment: (moment: { at: string; projectId?: string }) => void } {
  const begun: string[] = [];
  return {
    onMoment: ({ at, projectId }) => void (at === 'begun' && begun.push(projectId!)),
    slugs: () =>
      fleet.projects
        .filter(({ id }) => begun.includes(id))
        .map(({ slug }) => slug)
        .toSorted(),
  };
}

const versionsOf = async (slug: string): Promise<number[]> =>
  (await fleet.truth()).find((project) => project.slug === slug)!.versions;

const rowOf = async (id: string, slug: string): Promise<ProjectRow> => (await fleet.rows(id))[slug]!;

/** All projects have the first schema, and it is known. */
async function bringToFirst(): Promise<void> {
  await fleet.startWorker(steps);
  await fleet.reached(await fleet.start(first), 'succeeded');
  await fleet.stopWorkers();
}

describe('a fleet that is up to date', () => {
  beforeEach(bringToFirst);

  test('is looked into database by database, wave after wave, and nothing else is done to it', async () => {
    const { slugs, onMoment } = watched();
    await fleet.startWorker(steps, { onMoment });
    const id = await fleet.start(first, {
      verify: true,
      health: { windowMs: 60_000, minRequests: 1, smokeProjects: 3 },
    });
    await fleet.reached(id, 'succeeded');
    expect(slugs()).toEqual(['p0', 'p1', 'p2']);
    for (const row of Object.values(await fleet.rows(id))) {
      expect(row).toMatchObject({
        ...{ state: 'done', attempts: 1, fromVersion: first, toVersion: first, foundVersion: first },
        ...{ schemaVersion: first, backfill: 'none' },
      } satisfies Partial<ProjectRow>);
    }
    // Nothing was changed, so no traffic is watched for a minute and nobody is asked whether he answers.
    const passed = { state: 'passed', health: null };
    expect(await fleet.waves(id)).toEqual([passed, passed]);
    expect((await fleet.truth()).map((project) => project.steps)).toEqual(fleet.projects.map(() => [1]));
  });

  test('is not looked into by a rollout that was not told to, which finds out nothing', async () => {
    await think(second, 'p1');
    const { slugs, onMoment } = watched();
    await fleet.startWorker(steps, { onMoment });
    const id = await fleet.start(first);
    await fleet.reached(id, 'succeeded');
    expect(slugs()).toEqual([]);
    expect(await rowOf(id, 'p1')).toMatchObject({ state: 'done', attempts: 0, foundVersion: null, toVersion: second });
  });

  test('is told of when it is further than was thought', async () => {
    await fleet.startWorker(await stepsWith(counted));
    await fleet.reached(await fleet.start(second, { waves: [{ projects: [fleet.project('p0').id] }] }), 'succeeded');
    await think(first);
    const id = await fleet.start(first, { verify: true });
    await fleet.reached(id, 'succeeded');
    expect(await rowOf(id, 'p0')).toMatchObject({
      ...{ state: 'done', foundVersion: second, toVersion: second, schemaVersion: second },
    });
  });

  test('and gets an older database after the look has it migrated before the rollout ends', async () => {
    let lost = false;
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId }) => {
        if (at !== 'recorded' || projectId !== fleet.project('p0').id || lost) return;
        lost = true;
        await fleet.inTenant(
          fleet.project('p0'),
          ...['DROP TABLE step_log', 'ALTER TABLE resource DROP counted_once'],
          `DELETE FROM schema_version WHERE version = ${first}`,
        );
        await think(baseVersion, 'p0');
      },
    });
    const id = await fleet.start(first, { verify: true });
    await fleet.reached(id, 'succeeded');
    expect(await rowOf(id, 'p0')).toMatchObject({
      ...{ state: 'done', attempts: 1, fromVersion: baseVersion, toVersion: first, foundVersion: null },
    });
    expect(await versionsOf('p0')).toEqual(upTo(first));
  });

  test('has backfills done that an earlier rollout has left', async () => {
    // All is done in the batch that says that nothing is left.
    const filled: SyntheticMigration = {
      name: 'Filled',
      statements: ['CREATE TABLE big (id integer, twice integer)', 'INSERT INTO big VALUES (1), (2)'],
      backfill: {
        batch: `WITH done AS (UPDATE big SET twice = 2 * id WHERE $1::text IS NULL AND $2::integer > 0 RETURNING 1)
          SELECT NULL::text AS watermark, count(*)::integer AS rows FROM done`,
        batchSize: 10,
        pauseMs: 0,
      },
    };
    steps = await stepsWith([counted[0]!, filled]);
    await fleet.startWorker(steps, {
      onMoment: async ({ at, rolloutId }) => {
        if (at === 'recorded')
          await fleet.dataSource.query(`UPDATE rollout SET state = 'aborted' WHERE id = $1`, [rolloutId]);
      },
    });
    await fleet.reached(await fleet.start(second, { waves: [{ projects: [fleet.project('p0').id] }] }), 'aborted');
    await fleet.stopWorkers();
    const unfilled = () => fleet.inTenant(fleet.project('p0'), 'SELECT FROM big WHERE twice IS NULL');
    expect(await unfilled()).toHaveLength(2);
    await fleet.startWorker(steps);
    const id = await fleet.start(second, { verify: true });
    await fleet.reached(id, 'succeeded');
    expect(await rowOf(id, 'p0')).toMatchObject({ foundVersion: second, fromVersion: first, backfill: 'done' });
    expect(await unfilled()).toEqual([]);
  });
});

describe('a database that is behind what somebody has written down', () => {
  test('is found, migrated like any other, and judged', async () => {
    await bringToFirst();
    await fleet.addProject('stale', { labels: { ring: 'canary' } });
    await think(first, 'stale');
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { verify: true, waves: [{ label: 'ring:canary' }] });
    await fleet.reached(id, 'succeeded');
    expect(await rowOf(id, 'stale')).toMatchObject({
      ...{ state: 'done', attempts: 1, fromVersion: baseVersion, toVersion: first, foundVersion: baseVersion },
      ...{ schemaVersion: first, error: null },
    });
    expect(await fleet.truth()).toEqual(
      fleet.projects.map(({ slug }) => ({ slug, versions: upTo(first), steps: [1] })),
    );
    const [canary, rest] = await fleet.waves(id);
    expect([canary?.health, rest?.health]).toEqual([expect.objectContaining({ exceeded: [] }), null]);
  });

  test('keeps its pin and its maintenance window, and counts at once as what it is', async () => {
    await think(first);
    await fleet.dataSource.query(`UPDATE project SET schema_pin = ${baseVersion} WHERE slug = 'p0'`);
    await fleet.dataSource.query(`UPDATE project SET maintenance_window = $1 WHERE slug = 'p1'`, [
      JSON.stringify(closedWindow()),
    ]);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { verify: true, waves: [] });
    await fleet.until('all but one are through', async () => {
      const rows = Object.values(await fleet.rows(id)).map(({ state, waitsFor }) => waitsFor ?? state);
      return rows.join() === 'skipped,window,done' ? true : undefined;
    });
    expect(await rowOf(id, 'p0')).toMatchObject({
      ...{ foundVersion: baseVersion, schemaVersion: baseVersion, skipReason: `Pinned to schema ${baseVersion}.` },
    });
    expect(await rowOf(id, 'p1')).toMatchObject({ foundVersion: baseVersion, schemaVersion: baseVersion, attempts: 0 });
    expect([await versionsOf('p0'), await versionsOf('p1')]).toEqual([upTo(baseVersion), upTo(baseVersion)]);
    await fleet.dataSource.query('UPDATE project SET maintenance_window = NULL');
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.reached(id, 'succeeded');
    expect(await versionsOf('p1')).toEqual(upTo(first));
  });

  test.each([
    ['at the target', () => ({ thought: second, verify: true })],
    ['just before a contract step', () => ({ thought: first, verify: false })],
  ])('and was thought to be %s gets no contract step before it has the schema in front of it', async (_, settings) => {
    const { thought, verify } = settings();
    steps = await stepsWith(contracted);
    await bringToFirst();
    await fleet.addProject('stale');
    await think(thought, 'stale');
    await fleet.startWorker(steps);
    const id = await fleet.start(second, { verify, waves: [{ projects: [fleet.project('stale').id] }] });
    const { reason } = await fleet.reached(id, 'paused');
    expect(reason).toEqual({ code: 'contract-too-early', message: expect.stringContaining('stale') });
    expect(await versionsOf('stale')).toEqual(upTo(baseVersion));
    await fleet.move(id, 'paused', 'aborted');

    await fleet.reached(await fleet.start(first), 'succeeded');
    await fleet.reached(await fleet.start(second), 'succeeded');
    expect((await fleet.truth()).map(({ versions }) => versions)).toEqual(fleet.projects.map(() => upTo(second)));
  });
});

describe('a look', () => {
  beforeEach(bringToFirst);

  test('that finds a migration with another content fails, and names it', async () => {
    await fleet.inTenant(
      fleet.project('p1'),
      `UPDATE schema_version SET checksum = repeat('0', 64) WHERE version = ${first}`,
    );
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { verify: true, waves: [] });
    expect((await fleet.reached(id, 'paused')).reason).toMatchObject({ code: 'budget-exceeded' });
    const error = { code: 'checksum-mismatch', message: expect.stringContaining('Counted1') };
    expect(await rowOf(id, 'p1')).toMatchObject({ state: 'failed', error, foundVersion: null });
  });

  test('waits for nobody who has locked what it reads, and is repeated when he lets go', async () => {
    const holder = await fleet.connect(fleet.project('p2').databaseName);
    await holder.query(sql`BEGIN`);
    await holder.query(sql`LOCK TABLE schema_version`);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { verify: true, waves: [] });
    const waiting = await fleet.until('it is put off', async () => {
      const row = await rowOf(id, 'p2').catch(() => undefined);
      return row?.waitsFor === 'retry' ? row : undefined;
    });
    expect(waiting).toMatchObject({ state: 'pending', error: { code: '55P03', isTransient: true } });
    await holder.close();
    await fleet.reached(id, 'succeeded');
    expect(await rowOf(id, 'p2')).toMatchObject({ state: 'done', foundVersion: first, error: null });
    expect(await fleet.waves(id)).toEqual([{ state: 'passed', health: null }]);
  });
});
