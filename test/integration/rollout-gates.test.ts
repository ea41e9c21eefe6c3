/** What stands between a bad migration and the rest of the fleet, when projects fail, become worse, come late or are retried. */
import type { SchemaStep } from '#tenant-schema';
import { counted, RolloutFleet, stepsWith } from './rollout-fleet.fixture.js';
import {
  closedWindow,
  constrained,
  expectUntouched,
  first,
  mend,
  onlyFirst,
  spoil,
} from './rollout-migrations.fixture.js';

let fleet: RolloutFleet;
let steps: SchemaStep[];

beforeEach(async () => {
  fleet = await RolloutFleet.open(4);
  steps = await stepsWith([constrained]);
});

afterEach(() => fleet.close());

const idOf = (slug: string): string => fleet.project(slug).id;
const statesOf = async (id: string): Promise<string> =>
  Object.values(await fleet.rows(id))
    .map(({ state }) => state)
    .join();
const anyFailures = { failedProjects: 3, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50 };

describe('a retry of one of several failed projects', () => {
  test('runs before the others count again, and the rollout goes on when all are mended', async () => {
    await spoil(fleet, 'p0');
    await spoil(fleet, 'p1');
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [{ projects: [idOf('p0'), idOf('p1'), idOf('p2')] }] });
    // Both were under way when the first one failed, and the reason of the pause tells of both.
    await fleet.until('both have failed, and that is said', async () =>
      (await fleet.get(id)).reason?.message === '2 of 3 projects of wave 0 failed; 1 stops it.' ? true : undefined,
    );
    await fleet.until('the third one is through', async () =>
      (await statesOf(id)) === 'failed,failed,done,pending' ? true : undefined,
    );

    await mend(fleet, 'p0');
    await fleet.retry(id, [idOf('p0')]);
    await fleet.resume(id);
    await fleet.until('it has stopped again', async () =>
      (await fleet.get(id)).reason?.message === '1 of 3 projects of wave 0 failed; 1 stops it.' ? true : undefined,
    );
    expect(await statesOf(id)).toBe('done,failed,done,pending');

    await mend(fleet, 'p1');
    await fleet.retry(id, [idOf('p1')]);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect(await fleet.counts(id)).toEqual({ done: 4 });
  });
});

describe('a retried project whose maintenance window is closed', () => {
  test('lets the rollout stop again for the others, and is tried when the window is open', async () => {
    await spoil(fleet, 'p0');
    await spoil(fleet, 'p1');
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: [{ projects: [idOf('p0'), idOf('p1'), idOf('p2')] }] });
    await fleet.until('all three are through', async () =>
      (await statesOf(id)) === 'failed,failed,done,pending' ? true : undefined,
    );
    await fleet.reached(id, 'paused');

    await mend(fleet, 'p0');
    await fleet.setWindow('p0', closedWindow());
    await fleet.retry(id, [idOf('p0')]);
    await fleet.resume(id);
    expect((await fleet.reached(id, 'paused')).reason).toEqual({
      code: 'budget-exceeded',
      message: '1 of 3 projects of wave 0 failed; 1 stops it.',
    });
    expect((await fleet.rows(id))['p0']).toMatchObject({ state: 'pending', waitsFor: 'window' });

    // The window opens.
    await fleet.dataSource.query('UPDATE project SET maintenance_window = NULL');
    await fleet.dataSource.query('UPDATE rollout_project SET due_at = now() WHERE due_at IS NOT NULL');
    await fleet.resume(id);
    await fleet.reached(id, 'paused');
    expect(await statesOf(id)).toBe('done,failed,done,pending');
  });
});

describe('a wave of which nothing could be migrated', () => {
  test('stops the rollout, however many failures its budget allows', async () => {
    await spoil(fleet, 'p0');
    await spoil(fleet, 'p1');
    await fleet.startWorker(steps);
    const waves = [{ projects: [idOf('p0'), idOf('p1')] }];
    const id = await fleet.start(first, { waves, budget: anyFailures });
    expect((await fleet.reached(id, 'paused')).reason).toEqual({
      code: 'budget-exceeded',
      message: '2 of 2 projects of wave 0 failed, and none was migrated.',
    });
    expect(await statesOf(id)).toBe('failed,failed,pending,pending');
  });
});

describe('projects that waited for their maintenance windows', () => {
  beforeEach(async () => {
    steps = await stepsWith(counted);
    const window = closedWindow();
    for (const slug of ['p1', 'p2']) await fleet.setWindow(slug, window);
  });

  const waves = () => ['p0', 'p1', 'p2'].map((slug) => ({ projects: [idOf(slug)] }));
  const wavesGone = (id: string) =>
    fleet.until('the waves are gone', async () => ((await fleet.get(id)).wave === 4 ? true : undefined));

  test('go wave by wave with a rest and a judgement each when the windows open', async () => {
    await fleet.startWorker(steps);
    const id = await fleet.start(first, { waves: waves(), pauseBetweenWavesMs: 700 });
    await wavesGone(id);
    expect(await statesOf(id)).toBe('done,pending,pending,done');
    expect((await fleet.waves(id)).map(({ health }) => health === null)).toEqual([false, true, true, false]);
    for (const slug of ['p1', 'p2']) await fleet.setWindow(slug, null);
    await fleet.reached(id, 'succeeded');
    const [row] = await fleet.dataSource.query<{ ms: number }[]>(
      `SELECT extract(epoch FROM p.started_at - w.finished_at)::float8 * 1000 AS ms FROM rollout_project p
         JOIN rollout_wave w ON w.rollout_id = p.rollout_id AND w.position = 1 WHERE p.project_id = $1`,
      [idOf('p2')],
    );
    expect(row!.ms).toBeGreaterThanOrEqual(699);
    expect((await fleet.waves(id)).map(({ state, health }) => [state, health?.exceeded])).toEqual(
      Array(4).fill(['passed', []]),
    );
  });

  test('stop the rollout when their answers become worse, which is seen in their own traffic', async () => {
    const served = (slug: string, since: string, serverErrors: number) =>
      fleet.dataSource.query(
        `INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
         SELECT p.project_id, ${since}, 'one', 100, $2, '{100}' FROM rollout_project p WHERE p.project_id = $1`,
        [idOf(slug), serverErrors],
      );
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId }) => {
        if (projectId !== idOf('p1')) return;
        // A slot is counted by its middle, which lies five seconds after its beginning.
        if (at === 'begun') await served('p1', `p.started_at - interval '5.2 s'`, 0);
        if (at === 'recorded') await served('p1', `now() - interval '4 s'`, 10);
      },
    });
    const health = { windowMs: 1_600, minRequests: 20, smokeProjects: 0 };
    const id = await fleet.start(first, { waves: waves(), health });
    await wavesGone(id);
    for (const slug of ['p1', 'p2']) await fleet.setWindow(slug, null);
    expect((await fleet.reached(id, 'paused')).reason).toEqual({
      code: 'health-exceeded',
      message: expect.stringMatching(/^Wave 1: 10 % of the requests failed, against 0 %/),
    });
    expect((await fleet.waves(id))[1]).toMatchObject({
      health: { before: { requests: 100 }, after: { requests: 100, serverErrors: 10 } },
    });
    expect(await statesOf(id)).toBe('done,done,pending,done');

    // The operator has looked, and lets it go on: they are watched anew, and then the next ones begin.
    await fleet.dataSource.query('DELETE FROM project_traffic');
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
  });

  test.each([
    ['are not compared with the day on which their wave went', '0 s', 'succeeded', 0],
    ['are when it is not known any more what they were served', '1 h', 'paused', 100],
  ] as const)('and were served nothing before their turn %s', async (_, begunAgo, state, before) => {
    await fleet.startWorker(steps, {
      onMoment: async ({ at, projectId, rolloutId }) => {
        if (projectId !== idOf('p1')) return;
        if (at === 'begun') {
          await fleet.dataSource.query(
            `INSERT INTO rollout_traffic (rollout_id, project_id, requests, server_errors, latency)
             VALUES ($1, $2, 100, 0, '{100}')`,
            [rolloutId, projectId],
          );
        }
        if (at !== 'recorded') return;
        await fleet.dataSource.query(
          `INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
           VALUES ($1, now() - interval '4 s', 'one', 100, 10, '{100}')`,
          [projectId],
        );
        await fleet.dataSource.query(
          'UPDATE rollout_project SET started_at = started_at - $2::interval WHERE project_id = $1',
          [projectId, begunAgo],
        );
      },
    });
    const health = { windowMs: 1_600, minRequests: 20, smokeProjects: 0 };
    const id = await fleet.start(first, { waves: waves(), health });
    await wavesGone(id);
    for (const slug of ['p1', 'p2']) await fleet.setWindow(slug, null);
    await fleet.reached(id, state);
    expect((await fleet.waves(id))[1]).toMatchObject({ health: { before: { requests: before } } });
  });
});

describe('the health gate', () => {
  beforeEach(async () => {
    steps = await stepsWith(counted);
  });

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
    const id = await fleet.start(first, { waves: onlyFirst(fleet), health });
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
    await expectUntouched(fleet, 'p1', 'p2', 'p3');

    // The operator has looked, and lets it go on: the wave is watched anew.
    await fleet.dataSource.query(`DELETE FROM project_traffic`);
    await fleet.resume(id);
    await fleet.reached(id, 'succeeded');
    expect((await fleet.waves(id))[0]).toMatchObject({ state: 'passed', health: { exceeded: [] } });
  });

  test('lets a wave pass whose projects are as they were', async () => {
    await afterMigration({ slowShare: 0.02 });
    const id = await fleet.start(first, { waves: onlyFirst(fleet), health });
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
    const id = await fleet.start(first, { waves: onlyFirst(fleet), health });
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
    const id = await fleet.start(first, { waves: onlyFirst(fleet), pauseBetweenWavesMs: 700 });
    await fleet.reached(id, 'succeeded');
    const [row] = await fleet.dataSource.query<{ ms: number }[]>(
      `SELECT extract(epoch FROM b.started_at - a.finished_at)::float8 * 1000 AS ms FROM rollout_wave a, rollout_wave b
        WHERE a.position = 0 AND b.position = 1`,
    );
    expect(row!.ms).toBeGreaterThanOrEqual(699);
  });
});
