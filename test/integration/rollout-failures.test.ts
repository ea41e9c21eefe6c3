/** A project that cannot be migrated: what is told of it, what it stops, and when it is tried again. */
import { sql } from '#postgres';
import type { SchemaStep } from '#tenant-schema';
import { baseVersion, counted, RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';
import { constrained, expectUntouched, first, mend, onlyFirst, spoil } from './rollout-migrations.fixture.js';

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith(counted);
});

afterEach(() => fleet.close());

describe('a project that cannot be migrated', () => {
  beforeEach(async () => {
    steps = await stepsWith([constrained]);
    await spoil(fleet, 'p0');
  });

  test('stops the rollout in its wave, is told exactly, and goes on after a fix and a retry', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(fleet) });
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
    await expectUntouched(fleet, 'p0', 'p1', 'p2', 'p3');

    await mend(fleet, 'p0');
    await fleet.retry(id);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ done: 4 });
    expect((await fleet.rows(id))['p0']).toMatchObject({ error: null, errorFingerprint: null });
  });

  test('aborts the rollout when its plan says so', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(fleet), onExceeded: 'abort' });
    const aborted = await fleet.reached(id, 'aborted');
    expect(aborted).toMatchObject({ reason: { code: 'budget-exceeded' }, finishedAt: expect.any(Date) });
    await expectUntouched(fleet, 'p0', 'p1', 'p2', 'p3');
  });

  test('within the budget is left behind until it is skipped, and the others go on', async () => {
    await fleet.startWorker(steps);
    const budget = { failedProjects: 1, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 };
    const waves = [{ projects: [fleet.project('p0').id, fleet.project('p1').id] }];
    const id = await fleet.start(first, { waves, budget });
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
    expect((await fleet.reached(id, 'paused')).reason?.message).toMatch(/^25 % of those tried in wave 0 failed/);
  });

  test('is told with the position of the error in its statement', async () => {
    steps = await stepsWith([{ name: 'Misspelt', statements: ['CREATE TABLE half (id int)', 'SELEC 1'] }]);
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: onlyFirst(fleet) });
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
      const id = await fleet.start(first, { waves: onlyFirst(fleet) });
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
    const id = await fleet.start(first, { waves: onlyFirst(fleet), attempts: 1 });
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
    const id = await fleet.start(first, { waves: onlyFirst(fleet), attempts: 2 });
    await fleet.reached(id, 'paused');
    await holder.close();
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'failed', attempts: 2, error: { code: '55P03' } });
  });
});
