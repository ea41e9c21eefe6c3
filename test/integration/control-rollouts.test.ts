import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { AuditRepository, type Cluster } from '#control-database';
import { listen } from '#postgres';
import { RolloutsService } from '../../apps/control-plane/src/rollouts/rollouts.service.js';
import { aControlPlane, type ControlPlane, type Reply, type RequestOptions, until } from './control-plane.fixture.js';
import { FleetRows, testMigrations, type FleetProject } from './rollout-rows.fixture.js';

/** A JSON object of an answer: a test says what it expects in it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Shown = Record<string, any>;

let plane: ControlPlane;
let rows: FleetRows;
let cluster: Cluster;
let far: Cluster;
let canary: FleetProject;
let others: FleetProject[];
beforeAll(async () => {
  plane = await aControlPlane({ migrations: testMigrations });
  rows = new FleetRows(plane);
  cluster = await rows.aCluster('near', 'eu-west');
  far = await rows.aCluster('far', 'us-east');
  canary = await rows.aProject(cluster, { labels: { ring: 'canary' } });
  others = [await rows.aProject(cluster), await rows.aProject(cluster, { schema: 2 }), await rows.aProject(far)];
});
afterAll(async () => {
  await plane.stop();
});
afterEach(async () => {
  // One rollout at a time can run or be paused.
  await rows.query(`UPDATE rollout SET state = 'aborted' WHERE state IN ('running', 'paused')`);
  await rows.query('UPDATE fleet SET target_version = 1');
  await rows.query(
    'UPDATE project SET schema_pin = NULL, schema_pin_until = NULL, schema_pin_reason = NULL, maintenance_window = NULL',
  );
});

const send = (method: string, route: string, body?: object, options: RequestOptions = {}): Promise<Reply> =>
  plane.send(method, route, { ...(body === undefined ? {} : { body }), ...options });
const post = (route: string, body?: object, options?: RequestOptions) => send('POST', route, body, options);
const get = async (route: string) => (await send('GET', route)).body;

async function aPlannedRollout(body: object = { target: 3 }): Promise<string> {
  const reply = await post('/rollouts', body);
  expect(reply.status).toBe(202);
  return reply.body.id as string;
}

/** A started rollout with the rows that a worker writes when it begins: the canary failed, the others are to come. */
async function aRunningRollout(): Promise<string> {
  const id = await aPlannedRollout({ target: 3, waves: [{ label: 'ring:canary' }] });
  expect((await post(`/rollouts/${id}/start`)).body).toMatchObject({ state: 'running', changed: true });
  await rows.aWave(id, 0, { label: 'ring:canary' }, 'running');
  await rows.aWave(id, 1, null, 'pending');
  const error = {
    migration: 'AddCapacity2',
    statement: { number: 1, text: 'ALTER TABLE slot ADD COLUMN capacity integer' },
    ...{ code: '42701', message: 'column "capacity" already exists', position: 28, isTransient: false },
  };
  await rows.member(id, canary, {
    ...{ state: 'failed', attempts: 1, duration_ms: 12, error: JSON.stringify(error), error_fingerprint: 'same' },
    ...{ started_at: new Date(Date.now() - 1_000), finished_at: new Date() },
  });
  for (const project of others) await rows.member(id, project, { wave: 1 });
  return id;
}

const isInvalid = ({ status, body }: Reply, ...fields: string[]) => {
  expect({ status, code: body.code }).toEqual({ status: 400, code: 'validation' });
  expect((body.errors as { field: string }[]).map(({ field }) => field)).toEqual(fields);
};

describe('planning a rollout', () => {
  test('answers 202 with the plan and every default, and migrates nothing', async () => {
    const reply = await post('/rollouts', {
      ...{ target: 3, waves: [{ label: 'ring:canary' }, { percent: 10 }, { percent: 100 }], parallel: 8 },
      ...{ pauseBetweenWaves: 'PT30M', abortOn: { failedProjects: 1, errorRateIncreasePct: 25 } },
    });
    expect(reply.status).toBe(202);
    expect(reply.headers.get('location')).toBe(`/control/v1/rollouts/${reply.body.id}`);
    expect(reply.body).toEqual({
      id: expect.stringMatching(/^rol_[0-9a-z]{26}$/),
      ...{ state: 'planned', reason: null, target: 3, wave: 0, startedAt: null, finishedAt: null },
      createdBy: expect.stringMatching(/^operator:/),
      createdAt: expect.any(String),
      plan: {
        waves: [{ label: 'ring:canary' }, { percent: 10 }, { percent: 100 }],
        ...{ parallel: 8, parallelPerCluster: 8, pauseBetweenWaves: 'PT30M', attempts: 5, onExceeded: 'pause' },
        verify: false,
        abortOn: { failedProjects: 1, failedPercent: 100, errorRateIncreasePct: 25, p95IncreasePct: 50 },
        health: { window: 'PT1M', minRequests: 50, smokeProjects: 3 },
      },
      notes: ['Wave 1 takes no project, so nothing is tried in it.'],
    });
    expect(await rows.query('SELECT 1 FROM rollout_project WHERE rollout_id = $1', [reply.body.id])).toEqual([]);
    const [stored] = await rows.query<{ plan: object }>('SELECT plan FROM rollout WHERE id = $1', [reply.body.id]);
    expect(stored!.plan).toMatchObject({ pauseBetweenWavesMs: 1_800_000, budget: { failedProjects: 0 } });
  });

  test('without a target goes to the newest schema of the release, also when a contract step stands in the way', async () => {
    const reply = await post('/rollouts', {});
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status: 409, code: 'contract-too-early' });
    await rows.query(`UPDATE tenant_database SET schema_version = 3 WHERE state = 'claimed'`);
    try {
      expect((await post('/rollouts', {})).body.target).toBe(4);
    } finally {
      await rows.query(`UPDATE tenant_database SET schema_version = 1 WHERE state = 'claimed'`);
      await rows.query('UPDATE tenant_database SET schema_version = 2 WHERE project_id = $1', [others[1]!.id]);
    }
  });

  test('shows the waves as they would be now, until it begins', async () => {
    const id = await aPlannedRollout({ target: 2, waves: [{ projects: [canary.slug, canary.id] }] });
    const { waves, counts, plan } = await get(`/rollouts/${id}`);
    expect(plan.waves).toEqual([{ projects: [canary.id] }]);
    expect(counts).toEqual({ pending: 0, running: 0, done: 0, failed: 0, skipped: 0 });
    expect(
      waves.map(({ position, selector, state, counts: of }: Shown) => ({ position, selector, state, of })),
    ).toEqual([
      {
        ...{ position: 0, selector: { projects: [canary.id] }, state: 'pending' },
        of: { pending: 1, running: 0, done: 0, failed: 0, skipped: 0 },
      },
      {
        ...{ position: 1, selector: null, state: 'pending' },
        of: { pending: 2, running: 0, done: 1, failed: 0, skipped: 0 },
      },
    ]);
  });

  test('lists every bad field at once', async () => {
    isInvalid(
      await post('/rollouts', {
        ...{ target: 0, parallel: 1.5, parallelPerCluster: 65, pauseBetweenWaves: '30 minutes', attempts: null },
        waves: [
          { percent: 0 },
          {},
          { label: 'ring:a', percent: 5 },
          { label: 'ring' },
          { projects: [] },
          { all: true },
        ],
        ...{ abortOn: { failedProjects: 0, failedPercent: 101, errors: 1 }, onExceeded: 'stop' },
        ...{ health: { window: 'P1D', minRequests: 0 }, verify: 1, dryRun: 'yes', wave: 1 },
      }),
      ...['wave', 'target', 'waves.0.percent', 'waves.1.label', 'waves.2.label', 'waves.3.label', 'waves.4.projects'],
      ...[
        'waves.5.all',
        'waves.5.label',
        'parallel',
        'parallelPerCluster',
        'pauseBetweenWaves',
        'attempts',
        'abortOn.errors',
      ],
      ...[
        'abortOn.failedProjects',
        'abortOn.failedPercent',
        'onExceeded',
        'health.window',
        'health.minRequests',
        'verify',
        'dryRun',
      ],
    );
  });

  test.each([
    ['waves', { waves: [] }],
    ['waves', { waves: ['all'] }],
    ['waves', { waves: [null] }],
    ['waves', { waves: { percent: 1 } }],
    ['waves', { waves: Array.from({ length: 51 }, () => ({ percent: 1 })) }],
    ['abortOn', { abortOn: [] }],
    ['health', { health: null }],
    ['waves.0.projects', { waves: [{ projects: ['no-such-project'] }] }],
    ['waves.0.projects', { waves: [{ projects: ["'; --"] }] }],
    ['waves.0.cluster', { waves: [{ cluster: 'a b' }] }],
  ])('refuses %s that are %j', async (field, body) => {
    const reply = await post('/rollouts', { target: 3, ...body });
    expect(reply.status).toBe(400);
    expect(reply.body.errors[0].field).toBe(field);
  });

  test('refuses a schema that this release does not know', async () => {
    const { status, body } = await post('/rollouts', { target: 5 });
    expect({ status, code: body.code, newest: body.newest }).toEqual({
      ...{ status: 422, code: 'unsupported-schema', newest: 4 },
    });
  });

  test('refuses a contract step while a project is below the schema before it, and names it', async () => {
    const { status, body } = await post('/rollouts', { target: 4 });
    expect({ status, code: body.code, schema: body.schema, behind: body.behind }).toEqual({
      ...{ status: 409, code: 'contract-too-early', schema: 3, behind: 4 },
    });
    expect(body.projects).toContain(canary.slug);
    expect(body.detail).toContain('DropOther4');
  });

  test('happens once per Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'rollout-1' };
    const first = await post('/rollouts', { target: 3 }, { headers });
    const again = await post('/rollouts', { target: 3 }, { headers });
    expect(again.body.id).toBe(first.body.id);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect((await post('/rollouts', { target: 2 }, { headers })).body.code).toBe('idempotency-mismatch');
  });
});

describe('a dry run', () => {
  test('tells waves, who is left out, and the SQL of pending migrations with its locks, and writes nothing', async () => {
    const resting = await rows.aProject(far, { state: 'archived' });
    await rows.query(`UPDATE project SET schema_pin = 1, schema_pin_reason = 'audit' WHERE id = $1`, [others[2]!.id]);
    const before = await rows.query('SELECT id FROM rollout');
    const audited = await rows.query('SELECT id FROM audit_record');
    const { status, body } = await post('/rollouts', {
      ...{ target: 3, waves: [{ label: 'ring:canary' }, { cluster: 'near' }], dryRun: true },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dryRun: true, target: 3, plan: { parallel: 4 } });
    expect(body.counts).toEqual({ pending: 3, running: 0, done: 0, failed: 0, skipped: 1 });
    expect(body.waves.map((wave: Shown) => [wave.selector, wave.projects.map(({ slug }: Shown) => slug)])).toEqual([
      [{ label: 'ring:canary' }, [canary.slug]],
      [{ cluster: 'near' }, [others[0]!.slug, others[1]!.slug]],
      [null, []],
    ]);
    expect(body.notes).toEqual([
      'Wave 2 has nothing to migrate (0 have the schema, 1 are left out), so it passes without being judged.',
    ]);
    expect(body.skipped.map(({ slug, reason }: Shown) => [slug, reason])).toEqual([
      [others[2]!.slug, 'Pinned to schema 1: audit'],
      [resting.slug, 'The project is archived.'],
    ]);
    expect(body.migrations.map(({ version, databases }: Shown) => [version, databases])).toEqual([
      [2, 2],
      [3, 3],
    ]);
    const [expand, index] = body.migrations;
    expect(expand).toMatchObject({
      ...{ name: 'AddCapacity2', phase: 'expand', transactional: true, backfill: false, problem: null },
      statements: [
        {
          ...{ number: 1, text: 'ALTER TABLE slot ADD COLUMN capacity integer' },
          locks: [{ object: 'slot', blocks: 'reads and writes', rewrites: false }],
        },
        { number: 2 },
      ],
    });
    expect(index).toMatchObject({ name: 'IndexCapacity3', transactional: false });
    expect(await rows.query('SELECT id FROM rollout')).toEqual(before);
    expect(await rows.query('SELECT id FROM audit_record')).toEqual(audited);
    await rows.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [resting.id]);
  });

  test('says when a maintenance window and an unfinished operation will hold projects up', async () => {
    const tomorrow = new Date(Date.now() + 24 * 60 * 60 * 1_000);
    const window = { days: [tomorrow.getUTCDay()], from: '00:00', until: '00:01' };
    await rows.query('UPDATE project SET maintenance_window = $2 WHERE id = $1', [canary.id, JSON.stringify(window)]);
    await rows.query(
      `INSERT INTO operation (id, kind, project_id, created_by) VALUES ('op_busy', 'project.move', $1, 'test')`,
      [others[0]!.id],
    );
    const { body } = await post('/rollouts', { target: 2, waves: [{ percent: 100 }], dryRun: true });
    await rows.query(`UPDATE operation SET state = 'succeeded'`);
    const shown = Object.fromEntries(body.waves[0].projects.map((project: Shown) => [project.slug, project]));
    expect(shown[canary.slug]).toMatchObject({ fromVersion: 1, waitsFor: 'window' });
    expect(shown[canary.slug].dueAt).toBe(`${tomorrow.toISOString().slice(0, 10)}T00:00:00.000Z`);
    expect(shown[others[0]!.slug]).toMatchObject({ waitsFor: 'operation' });
    expect(shown[others[2]!.slug]).toMatchObject({ waitsFor: null, dueAt: null });
  });

  test('that is to verify counts who is thought to have the schema among those to come, and forecasts no SQL for him', async () => {
    const waves = [{ projects: [others[1]!.slug] }];
    const { body } = await post('/rollouts', { target: 2, waves, verify: true, dryRun: true });
    expect(body.plan).toMatchObject({ verify: true });
    expect(body.counts).toEqual({ pending: 4, running: 0, done: 0, failed: 0, skipped: 0 });
    expect(body.waves.map(({ verifies, projects }: Shown) => [verifies, projects.length])).toEqual([
      [1, 1],
      [0, 3],
    ]);
    expect(body.waves[0].projects).toMatchObject([{ slug: others[1]!.slug, fromVersion: 2 }]);
    expect(body.notes).toEqual([
      'Wave 0 has nothing to migrate as far as is known (1 are looked into, 0 are left out); unless one is found behind, it passes without being judged.',
    ]);
    expect(body.migrations.map(({ version, databases }: Shown) => [version, databases])).toEqual([[2, 3]]);
    const planned = await post('/rollouts', { target: 2, waves, verify: true });
    expect(planned.body).toMatchObject({ plan: { verify: true }, notes: body.notes });
    const shown = await get(`/rollouts/${planned.body.id}`);
    expect(shown.waves.map(({ counts }: Shown) => counts.pending)).toEqual([1, 3]);
    expect(shown).toMatchObject({ plan: { verify: true }, verified: { projects: 0, behind: 0 } });
  });

  test('judges the request as the real one does', async () => {
    expect((await post('/rollouts', { target: 9, dryRun: true })).status).toBe(422);
    expect((await post('/rollouts', { target: 4, dryRun: true })).body.code).toBe('contract-too-early');
  });
});

describe('the states of a rollout', () => {
  const verb = async (id: string, name: string, body?: object) => {
    const reply = await post(`/rollouts/${id}/${name}`, body);
    const { state, changed, code, from, to, allowed, reason } = reply.body;
    return reply.status === 200 ? { state, changed, reason } : { status: reply.status, code, from, to, allowed };
  };

  test('go from planned over running and paused to aborted; a repeat changes nothing', async () => {
    const id = await aPlannedRollout();
    expect(await verb(id, 'start')).toEqual({ state: 'running', changed: true, reason: null });
    expect(await verb(id, 'start')).toEqual({ state: 'running', changed: false, reason: null });
    expect(await verb(id, 'pause', { reason: 'lunch' })).toEqual({
      ...{ state: 'paused', changed: true, reason: { code: 'requested', message: 'lunch' } },
    });
    expect(await verb(id, 'pause')).toMatchObject({ state: 'paused', changed: false, reason: { message: 'lunch' } });
    expect(await verb(id, 'resume')).toEqual({ state: 'running', changed: true, reason: null });
    expect(await verb(id, 'resume')).toMatchObject({ state: 'running', changed: false });
    expect(await verb(id, 'abort')).toMatchObject({ state: 'aborted', changed: true });
    expect(await verb(id, 'abort')).toMatchObject({ state: 'aborted', changed: false });
    const { startedAt, finishedAt } = await get(`/rollouts/${id}`);
    expect(Date.parse(finishedAt)).toBeGreaterThanOrEqual(Date.parse(startedAt));
  });

  test.each([
    ['planned', 'pause', ['running']],
    ['planned', 'resume', ['paused']],
    ['paused', 'start', ['planned']],
    ['aborted', 'start', ['planned']],
    ['aborted', 'pause', ['running']],
    ['aborted', 'resume', ['paused']],
    ['succeeded', 'start', ['planned']],
    ['succeeded', 'pause', ['running']],
    ['succeeded', 'abort', ['planned', 'running', 'paused']],
    ['planned', 'retry', ['running', 'paused']],
    ['succeeded', 'retry', ['running', 'paused']],
    ['aborted', 'retry', ['running', 'paused']],
  ])('%s does not take %s', async (state, name, allowed) => {
    const id = await aPlannedRollout();
    await rows.setRollout(id, state);
    expect(await verb(id, name)).toMatchObject({ status: 409, code: 'invalid-transition', from: state, allowed });
    expect((await get(`/rollouts/${id}`)).state).toBe(state);
  });

  test('a start leaves it to the first healthy wave to change the schema with which databases are born', async () => {
    const id = await aPlannedRollout();
    await verb(id, 'start');
    expect((await get('/fleet/versions')).target).toBe(1);
  });

  test('one rollout at a time runs or is paused, also when two are started at once', async () => {
    const [one, other] = [await aPlannedRollout(), await aPlannedRollout()];
    const replies = await Promise.all([post(`/rollouts/${one}/start`), post(`/rollouts/${other}/start`)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    const refused = replies.find(({ status }) => status === 409)!;
    expect(refused.body.code).toBe('rollout-in-progress');
    const [running, waiting] = replies[0].status === 200 ? [one, other] : [other, one];
    await verb(running, 'pause');
    const again = await post(`/rollouts/${waiting}/start`);
    expect(again.body).toMatchObject({ status: 409, code: 'rollout-in-progress', rollout: running });
    await verb(running, 'abort');
    expect(await verb(waiting, 'start')).toMatchObject({ state: 'running' });
  });

  test('a start is judged anew: what was possible when it was planned may not be any more', async () => {
    await rows.query(`UPDATE tenant_database SET schema_version = 3 WHERE state = 'claimed'`);
    const id = await aPlannedRollout({ target: 4 });
    await rows.query(`UPDATE tenant_database SET schema_version = 1 WHERE state = 'claimed'`);
    await rows.query('UPDATE tenant_database SET schema_version = 2 WHERE project_id = $1', [others[1]!.id]);
    const { status, body } = await post(`/rollouts/${id}/start`);
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'contract-too-early' });
    expect((await get(`/rollouts/${id}`)).state).toBe('planned');
  });

  test('every change is announced to the workers', async () => {
    const heard: string[] = [];
    const listener = await listen(
      plane.database.url,
      ['boxyard_rollout'],
      (_, id) => void heard.push(id),
      () => undefined,
    );
    const id = await aPlannedRollout();
    await verb(id, 'start');
    await verb(id, 'pause');
    await until(() => heard.filter((each) => each === id).length === 3);
    await listener.close();
  });

  test('a body that is none of ours is refused', async () => {
    const id = await aPlannedRollout();
    isInvalid(await post(`/rollouts/${id}/pause`, { why: 'lunch' }), 'why');
    isInvalid(await post(`/rollouts/${id}/abort`, { reason: '' }), 'reason');
    isInvalid(await post(`/rollouts/${id}/retry`, { projects: 'all' }), 'projects');
    isInvalid(await post(`/rollouts/${id}/skip`, {}), 'projects', 'reason');
  });
});

describe('a running rollout', () => {
  test('shows its waves, counts, pace, durations and failures', async () => {
    const id = await aRunningRollout();
    await rows.query(
      `UPDATE rollout_project SET state = 'done', attempts = 1, to_version = 3, duration_ms = 40,
              started_at = now() - interval '1 s', finished_at = now() WHERE rollout_id = $1 AND project_id = $2`,
      [id, others[0]!.id],
    );
    await rows.query(
      `UPDATE rollout_project SET waits_for = 'window', due_at = '2030-01-01T00:00:00Z'
        WHERE rollout_id = $1 AND project_id = $2`,
      [id, others[1]!.id],
    );
    const body = await get(`/rollouts/${id}`);
    expect(body).toMatchObject({
      ...{ id, state: 'running', target: 3, wave: 0 },
      counts: { pending: 2, running: 0, done: 1, failed: 1, skipped: 0 },
      waiting: { projects: 1, until: '2030-01-01T00:00:00.000Z' },
      backfills: { pending: 0, done: 0, failed: 0 },
      eta: '2030-01-01T00:00:00.000Z',
      durations: { p50: 40, p95: 40, max: 40 },
      slowest: [
        { slug: others[0]!.slug, durationMs: 40 },
        { slug: canary.slug, durationMs: 12 },
      ],
      failures: [
        {
          ...{ fingerprint: 'same', projects: 1 },
          error: {
            step: 'AddCapacity2',
            statement: { number: 1, text: 'ALTER TABLE slot ADD COLUMN capacity integer' },
            ...{ code: '42701', message: 'column "capacity" already exists', position: 28 },
            ...{ transient: false, rolledBack: true },
          },
          examples: [{ project: canary.id, slug: canary.slug, attempts: 1 }],
        },
      ],
    });
    expect(body.ratePerMinute).toBeGreaterThan(60);
    expect(body.durations.histogram.reduce((sum: number, { projects }: Shown) => sum + projects, 0)).toBe(1);
    expect(body.durations.histogram).toContainEqual({ upToMs: 50, projects: 1 });
    expect(body.durations.histogram.at(-1)).toEqual({ upToMs: null, projects: 0 });
    expect(
      body.waves.map(({ selector, state, counts }: Shown) => [selector, state, counts.failed, counts.done]),
    ).toEqual([
      [{ label: 'ring:canary' }, 'running', 1, 0],
      [null, 'pending', 0, 1],
    ]);
  });

  test('shows how many databases were looked into, what was found, and who was behind', async () => {
    const id = await aRunningRollout();
    for (const [project, found] of [
      [others[0]!, 1],
      [others[1]!, 3],
    ] as const) {
      await rows.setMember(id, project, 'done');
      await rows.query('UPDATE rollout_project SET found_version = $3 WHERE rollout_id = $1 AND project_id = $2', [
        ...[id, project.id, found],
      ]);
    }
    expect((await get(`/rollouts/${id}`)).verified).toEqual({ projects: 2, behind: 1 });
    const { items } = await get(`/rollouts/${id}/projects?wave=1`);
    const found = Object.fromEntries(items.map(({ slug, foundVersion }: Shown) => [slug, foundVersion]));
    expect(found).toEqual({ [others[0]!.slug]: 1, [others[1]!.slug]: 3, [others[2]!.slug]: null });
  });

  test('lists its projects by state, by wave and page by page', async () => {
    const id = await aRunningRollout();
    const list = async (query = '') => {
      const { items, next } = await get(`/rollouts/${id}/projects${query}`);
      return { slugs: items.map(({ slug }: Shown) => slug), items, next };
    };
    const all = await list();
    expect(all.slugs.toSorted()).toEqual([canary, ...others].map(({ slug }) => slug).sort());
    const { items } = await list('?state=failed');
    expect(items).toEqual([
      expect.objectContaining({
        ...{ project: canary.id, clusterId: cluster.id, wave: 0, state: 'failed', attempts: 1, fromVersion: 1 },
        ...{ toVersion: null, durationMs: 12, errorFingerprint: 'same', skipReason: null, waitsFor: null },
        error: expect.objectContaining({ code: '42701', rolledBack: true }),
        backfill: { state: 'none', rows: 0 },
      }),
    ]);
    expect((await list('?wave=1')).slugs).toHaveLength(3);
    const first = await list('?limit=3');
    const second = await list(`?limit=3&cursor=${first.next}`);
    expect([...first.slugs, ...second.slugs]).toEqual(all.slugs);
    expect(second.next).toBeNull();
    isInvalid(await send('GET', `/rollouts/${id}/projects?state=lost&wave=x&cursor=y`), 'state', 'wave', 'cursor');
  });

  test('tries failed projects again; named ones only, when some are named', async () => {
    const id = await aRunningRollout();
    await rows.setMember(id, others[0]!, 'failed');
    const one = await post(`/rollouts/${id}/retry`, { projects: [canary.slug] });
    expect(one.body).toMatchObject({ changed: true, projects: [canary.id], state: 'running' });
    const [row] = await rows.query('SELECT * FROM rollout_project WHERE rollout_id = $1 AND project_id = $2', [
      ...[id, canary.id],
    ]);
    expect(row).toMatchObject({ state: 'pending', attempts: 0, error: null, error_fingerprint: null, due_at: null });
    expect((await post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: true, projects: [others[0]!.id] });
    expect((await post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: false, projects: [] });
  });

  test('goes on with a retry when its failures had paused it, and not when an operator had', async () => {
    const id = await aRunningRollout();
    await rows.setRollout(id, 'paused', { code: 'requested', message: 'lunch' });
    expect((await post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: true, state: 'paused' });
    await rows.setMember(id, canary, 'failed');
    await rows.setRollout(id, 'paused', { code: 'projects-failed', message: '1 project has failed.' });
    expect((await post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: true, state: 'running', reason: null });
  });

  test('also begins failed backfills again, and leaves the migration as it is', async () => {
    const id = await aRunningRollout();
    await rows.setMember(id, others[0]!, 'done');
    await rows.query(
      `UPDATE rollout_project SET backfill = 'failed', duration_ms = 7 WHERE rollout_id = $1 AND project_id = $2`,
      [id, others[0]!.id],
    );
    expect((await get(`/rollouts/${id}`)).backfills).toEqual({ pending: 0, done: 0, failed: 1 });
    await post(`/rollouts/${id}/retry`, { projects: [others[0]!.id] });
    expect((await get(`/rollouts/${id}`)).backfills).toEqual({ pending: 1, done: 0, failed: 0 });
    const { items } = await get(`/rollouts/${id}/projects?state=done`);
    expect(items).toMatchObject([
      { slug: others[0]!.slug, attempts: 1, durationMs: 7, backfill: { state: 'pending' } },
    ]);
  });

  test('leaves out a backfill that has failed; the project stays done, and a retry of all passes it by', async () => {
    const id = await aRunningRollout();
    await rows.setMember(id, others[0]!, 'done');
    const skip = () => post(`/rollouts/${id}/skip`, { projects: [others[0]!.id], reason: 'ticket 4711' });
    expect((await skip()).body).toMatchObject({ code: 'project-not-skippable', projects: [others[0]!.id] });
    await rows.query(`UPDATE rollout_project SET backfill = 'failed' WHERE rollout_id = $1 AND project_id = $2`, [
      ...[id, others[0]!.id],
    ]);
    expect((await skip()).body).toMatchObject({ changed: true, projects: [others[0]!.id] });
    expect((await skip()).body).toMatchObject({ changed: false });
    const { items } = await get(`/rollouts/${id}/projects?state=done`);
    expect(items).toMatchObject([{ skipReason: 'ticket 4711', backfill: { state: 'failed' } }]);
    expect((await post(`/rollouts/${id}/retry`)).body.projects).toEqual([canary.id]);
  });

  test('leaves pending and failed projects out, with the reason; others are refused and nothing is changed', async () => {
    const id = await aRunningRollout();
    const reason = 'ticket 4711';
    const skipped = await post(`/rollouts/${id}/skip`, { projects: [canary.slug, others[0]!.id], reason });
    expect(skipped.body).toMatchObject({ changed: true });
    expect(skipped.body.projects.toSorted()).toEqual([canary.id, others[0]!.id].sort());
    const { items } = await get(`/rollouts/${id}/projects?state=skipped`);
    expect(items.map((item: Shown) => [item.skipReason, item.error])).toEqual([
      [reason, null],
      [reason, null],
    ]);
    const again = await post(`/rollouts/${id}/skip`, { projects: [canary.slug], reason });
    expect(again.body).toMatchObject({ changed: false, projects: [] });
    await rows.setMember(id, others[1]!, 'running');
    const refused = await post(`/rollouts/${id}/skip`, { projects: [others[1]!.slug, others[2]!.slug], reason });
    expect(refused.body).toMatchObject({ status: 409, code: 'project-not-skippable', projects: [others[1]!.id] });
    expect((await get(`/rollouts/${id}/projects?state=pending`)).items).toHaveLength(1);
  });

  test('that no worker has taken up yet says so', async () => {
    const id = await aPlannedRollout();
    await post(`/rollouts/${id}/start`);
    expect((await post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: false });
    const early = await post(`/rollouts/${id}/skip`, { projects: [canary.id], reason: 'x' });
    expect(early.body).toMatchObject({ status: 409, code: 'rollout-not-begun' });
    expect(early.headers.get('retry-after')).toBe('2');
  });

  test('knows which projects are not part of it', async () => {
    const id = await aRunningRollout();
    const late = await rows.aProject(far);
    isInvalid(await post(`/rollouts/${id}/retry`, { projects: [late.slug] }), 'projects');
    isInvalid(await post(`/rollouts/${id}/skip`, { projects: [late.slug, canary.id], reason: 'x' }), 'projects');
    isInvalid(await post(`/rollouts/${id}/skip`, { projects: ['nobody'], reason: 'x' }), 'projects');
    expect((await get(`/rollouts/${id}/projects?state=skipped`)).items).toEqual([]);
    await rows.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [late.id]);
  });
});

describe('rollouts', () => {
  test('are listed, the newest first, with their counts, by state and page by page', async () => {
    const planned = [await aPlannedRollout(), await aPlannedRollout()];
    const running = await aRunningRollout();
    const { items } = await get('/rollouts?limit=3');
    expect(items.map(({ id }: Shown) => id)).toEqual([running, planned[1], planned[0]]);
    expect(items[0].counts).toEqual({ pending: 3, running: 0, done: 0, failed: 1, skipped: 0 });
    expect((await get('/rollouts?state=running')).items.map(({ id }: Shown) => id)).toEqual([running]);
    const first = await get('/rollouts?limit=2');
    expect((await get(`/rollouts?limit=2&cursor=${first.next}`)).items[0].id).toBe(planned[0]);
    isInvalid(await send('GET', '/rollouts?state=new&limit=0&cursor=1'), 'state', 'cursor', 'limit');
  });

  test('that do not exist are 404, whatever the id looks like', async () => {
    for (const id of ['rol_00000000000000000000000000', 'rol_1', '%00', "'", 'x'.repeat(400)]) {
      for (const [method, route] of [
        ...[
          ['GET', ''],
          ['GET', '/projects'],
          ['GET', '/events'],
          ['POST', '/start'],
          ['POST', '/abort'],
        ],
        ['POST', '/retry'],
      ]) {
        const { status, body } = await send(method!, `/rollouts/${id}${route}`);
        expect({ status, code: body.code }).toEqual({ status: 404, code: 'rollout-not-found' });
      }
    }
  });

  test('are read by auditors and changed by operators; every change and every refusal is audited', async () => {
    const [auditor, operator] = [await plane.operator('auditor'), await plane.operator('operator')];
    const id = await aPlannedRollout();
    for (const route of ['', `/${id}`, `/${id}/projects`]) {
      expect((await send('GET', `/rollouts${route}`, undefined, { token: auditor.token })).status).toBe(200);
    }
    for (const route of ['', `/${id}/start`, `/${id}/abort`, `/${id}/retry`]) {
      const { status, body } = await post(`/rollouts${route}`, {}, { token: auditor.token });
      expect({ status, code: body.code }).toEqual({ status: 403, code: 'role-insufficient' });
    }
    expect((await send('GET', `/rollouts/${id}`, undefined, { token: null })).status).toBe(401);
    expect((await post(`/rollouts/${id}/start`, undefined, { token: operator.token })).status).toBe(200);
    await post(`/rollouts/${id}/abort`, { reason: 'enough' }, { token: operator.token });
    const records = await rows.query<{ action: string; actor: string }>(
      'SELECT action, actor FROM audit_record WHERE target = $1 ORDER BY id',
      [`rollout:${id}`],
    );
    expect(records.map(({ action }) => action)).toEqual(['rollout.create', 'rollout.start', 'rollout.abort']);
    expect(records[1]!.actor).toBe(`operator:${operator.id}`);
    expect(await new AuditRepository(plane.dataSource).verifyChain()).toMatchObject({ intact: true });
  });
});

interface RolloutEvent {
  event?: string;
  data: { state: string; counts: Record<string, number> };
}

/** Reads the rollout's event stream; `events` grows while it is open. */
async function follow(id: string, token: string) {
  const abort = new AbortController();
  const response = await fetch(`${plane.url}/control/v1/rollouts/${id}/events`, {
    headers: { authorization: `Bearer ${token}` },
    signal: abort.signal,
  });
  const events: RolloutEvent[] = [];
  const closed = (async () => {
    let text = '';
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      const blocks = text.split('\n\n');
      text = blocks.pop()!;
      for (const block of blocks) {
        const line = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1];
        const data = line('data');
        if (data !== undefined) events.push({ event: line('event'), data: JSON.parse(data) });
      }
    }
  })();
  return { response, events, closed, abort };
}

describe('the event stream of a rollout', () => {
  test('looks no more often for many who follow than for one', async () => {
    const id = await aRunningRollout();
    const { token } = await plane.operator('auditor');
    const look = jest.spyOn(RolloutsService.prototype, 'describe');
    const streams = await Promise.all(Array.from({ length: 6 }, () => follow(id, token)));
    await until(() => streams.every(({ events }) => events.length === 1));
    look.mockClear();
    const begun = performance.now();
    await rows.setMember(id, others[0]!, 'done');
    await until(() => streams.every(({ events }) => events.at(-1)!.data.counts['done'] === 1));
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    // One look may have begun just before, and one just after.
    expect(look.mock.calls.length).toBeLessThanOrEqual(2 + (performance.now() - begun) / 500);
    look.mockRestore();
    await post(`/rollouts/${id}/abort`);
    await Promise.all(streams.map(({ closed }) => closed));
  });

  test('begins with the current state, tells changes at most twice a second, and ends with the rollout', async () => {
    const id = await aRunningRollout();
    const { token } = await plane.operator('auditor');
    const { response, events, closed } = await follow(id, token);
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    await until(() => events.length === 1);
    expect(events[0]).toMatchObject({ event: 'rollout', data: { id, state: 'running', counts: { pending: 3 } } });
    const begun = performance.now();
    for (const project of others) await rows.setMember(id, project, 'done');
    await until(() => events.at(-1)!.data.counts.done === 3);
    // Three changes at once are one event or two, when the look fell between them.
    expect(events.length).toBeLessThanOrEqual(2 + (performance.now() - begun) / 500);
    await post(`/rollouts/${id}/abort`);
    await closed;
    expect(events.at(-1)!.data.state).toBe('aborted');
  });

  test('of an ended rollout is one event, and nobody who left holds anything up', async () => {
    const id = await aRunningRollout();
    const { token } = await plane.operator('auditor');
    const followers = await Promise.all(Array.from({ length: 5 }, () => follow(id, token)));
    for (const { abort, closed } of followers) {
      abort.abort();
      await closed.catch(() => undefined);
    }
    await post(`/rollouts/${id}/abort`);
    const { events, closed } = await follow(id, token);
    await closed;
    expect(events.map(({ data }) => data.state)).toEqual(['aborted']);
    expect(plane.log()).not.toMatch(/"level":50/);
  });

  test('does not hold up the stop of the process', async () => {
    const stopping = await aControlPlane({ migrations: testMigrations });
    const { body } = await stopping.send('POST', '/rollouts', { body: { target: 3 } });
    const stream = await fetch(`${stopping.url}/control/v1/rollouts/${body.id}/events`, {
      headers: { authorization: `Bearer ${(await stopping.operator('auditor')).token}` },
    });
    const start = performance.now();
    const stopped = stopping.stop();
    await stream.text();
    await stopped;
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});
