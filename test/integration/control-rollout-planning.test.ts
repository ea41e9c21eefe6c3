/** What a rollout is planned of, and what a dry run tells about it. */
import { expectInvalid, PaperFleet, type Shown } from './control-rollouts.fixture.js';

let fleet: PaperFleet;
beforeAll(async () => {
  fleet = await PaperFleet.open();
});
afterAll(() => fleet.close());
afterEach(() => fleet.reset());

describe('planning a rollout', () => {
  test('answers 202 with the plan and every default, and migrates nothing', async () => {
    const reply = await fleet.post('/rollouts', {
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
    expect(await fleet.rows.query('SELECT 1 FROM rollout_project WHERE rollout_id = $1', [reply.body.id])).toEqual([]);
    const [stored] = await fleet.rows.query<{ plan: object }>('SELECT plan FROM rollout WHERE id = $1', [
      reply.body.id,
    ]);
    expect(stored!.plan).toMatchObject({ pauseBetweenWavesMs: 1_800_000, budget: { failedProjects: 0 } });
  });

  test('without a target goes to the newest schema of the release, also when a contract step stands in the way', async () => {
    const reply = await fleet.post('/rollouts', {});
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status: 409, code: 'contract-too-early' });
    await fleet.haveSchema(3);
    await fleet.rows.query('UPDATE fleet SET target_version = 3');
    try {
      expect((await fleet.post('/rollouts', {})).body.target).toBe(4);
    } finally {
      await fleet.haveFirstSchemas();
    }
  });

  test('shows the waves as they would be now, until it begins', async () => {
    const id = await fleet.aPlannedRollout({ target: 2, waves: [{ projects: [fleet.canary.slug, fleet.canary.id] }] });
    const { waves, counts, plan } = await fleet.get(`/rollouts/${id}`);
    expect(plan.waves).toEqual([{ projects: [fleet.canary.id] }]);
    expect(counts).toEqual({ pending: 0, running: 0, done: 0, failed: 0, skipped: 0 });
    expect(
      waves.map(({ position, selector, state, counts: of }: Shown) => ({ position, selector, state, of })),
    ).toEqual([
      {
        ...{ position: 0, selector: { projects: [fleet.canary.id] }, state: 'pending' },
        of: { pending: 1, running: 0, done: 0, failed: 0, skipped: 0 },
      },
      {
        ...{ position: 1, selector: null, state: 'pending' },
        of: { pending: 2, running: 0, done: 1, failed: 0, skipped: 0 },
      },
    ]);
  });

  test('lists every bad field at once', async () => {
    expectInvalid(
      await fleet.post('/rollouts', {
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
    // Traffic is counted in slots of ten seconds.
    ['health.window', { health: { window: 'PT29S' } }],
    ['health.window', { health: { window: 'PT20M1S' } }],
  ])('refuses %s that are %j', async (field, body) => {
    const reply = await fleet.post('/rollouts', { target: 3, ...body });
    expect(reply.status).toBe(400);
    expect(reply.body.errors[0].field).toBe(field);
  });

  test('refuses a schema that this release does not know', async () => {
    const { status, body } = await fleet.post('/rollouts', { target: 5 });
    expect({ status, code: body.code, newest: body.newest }).toEqual({
      ...{ status: 422, code: 'unsupported-schema', newest: 4 },
    });
  });

  test('refuses a contract step while a project is below the schema before it, and names it', async () => {
    const { status, body } = await fleet.post('/rollouts', { target: 4 });
    expect({ status, code: body.code, schema: body.schema, behind: body.behind }).toEqual({
      ...{ status: 409, code: 'contract-too-early', schema: 3, behind: 4 },
    });
    expect(body.projects).toContain(fleet.canary.slug);
    expect(body.detail).toContain('DropOther4');
  });

  test('refuses a contract step while new projects are made with a schema that is older than the one before it', async () => {
    await fleet.haveSchema(3);
    await fleet.rows.query('UPDATE fleet SET target_version = 2');
    try {
      const { status, body } = await fleet.post('/rollouts', { target: 4 });
      expect({ status, code: body.code, schema: body.schema, behind: body.behind, projects: body.projects }).toEqual({
        ...{ status: 409, code: 'contract-too-early', schema: 3, behind: 0, projects: [] },
      });
      expect(body.detail).toContain('new ones are made with schema 2. Roll out to 3 first.');
    } finally {
      await fleet.haveFirstSchemas();
    }
  });

  test('happens once per Idempotency-Key', async () => {
    const headers = { 'idempotency-key': 'rollout-1' };
    const first = await fleet.post('/rollouts', { target: 3 }, { headers });
    const again = await fleet.post('/rollouts', { target: 3 }, { headers });
    expect(again.body.id).toBe(first.body.id);
    expect(again.headers.get('idempotent-replay')).toBe('true');
    expect((await fleet.post('/rollouts', { target: 2 }, { headers })).body.code).toBe('idempotency-mismatch');
  });
});

describe('a dry run', () => {
  test('tells waves, who is left out, and the SQL of pending migrations with its locks, and writes nothing', async () => {
    const resting = await fleet.rows.aProject(fleet.far, { state: 'archived' });
    await fleet.rows.query(`UPDATE project SET schema_pin = 1, schema_pin_reason = 'audit' WHERE id = $1`, [
      fleet.others[2].id,
    ]);
    const before = await fleet.rows.query('SELECT id FROM rollout');
    const audited = await fleet.rows.query('SELECT id FROM audit_record');
    const { status, body } = await fleet.post('/rollouts', {
      ...{ target: 3, waves: [{ label: 'ring:canary' }, { cluster: 'near' }], dryRun: true },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ dryRun: true, target: 3, plan: { parallel: 4 } });
    expect(body.counts).toEqual({ pending: 3, running: 0, done: 0, failed: 0, skipped: 1 });
    expect(body.waves.map((wave: Shown) => [wave.selector, wave.projects.map(({ slug }: Shown) => slug)])).toEqual([
      [{ label: 'ring:canary' }, [fleet.canary.slug]],
      [{ cluster: 'near' }, [fleet.others[0].slug, fleet.others[1].slug]],
      [null, []],
    ]);
    expect(body.notes).toEqual([
      'Wave 2 has nothing to migrate (0 have the schema, 1 are left out), so it passes without being judged.',
    ]);
    expect(body.skipped.map(({ slug, reason }: Shown) => [slug, reason])).toEqual([
      [fleet.others[2].slug, 'Pinned to schema 1: audit'],
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
    expect(await fleet.rows.query('SELECT id FROM rollout')).toEqual(before);
    expect(await fleet.rows.query('SELECT id FROM audit_record')).toEqual(audited);
    await fleet.rows.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [resting.id]);
  });

  test('says when a maintenance window and an unfinished operation will hold projects up', async () => {
    const tomorrow = new Date(Date.now() + 24 * 60 * 60 * 1_000);
    const window = { days: [tomorrow.getUTCDay()], from: '00:00', until: '00:01' };
    await fleet.rows.query('UPDATE project SET maintenance_window = $2 WHERE id = $1', [
      fleet.canary.id,
      JSON.stringify(window),
    ]);
    await fleet.rows.query(
      `INSERT INTO operation (id, kind, project_id, created_by) VALUES ('op_busy', 'project.move', $1, 'test')`,
      [fleet.others[0].id],
    );
    const { body } = await fleet.post('/rollouts', { target: 2, waves: [{ percent: 100 }], dryRun: true });
    await fleet.rows.query(`UPDATE operation SET state = 'succeeded'`);
    const shown = Object.fromEntries(body.waves[0].projects.map((project: Shown) => [project.slug, project]));
    expect(shown[fleet.canary.slug]).toMatchObject({ fromVersion: 1, waitsFor: 'window' });
    expect(shown[fleet.canary.slug].dueAt).toBe(`${tomorrow.toISOString().slice(0, 10)}T00:00:00.000Z`);
    expect(shown[fleet.others[0].slug]).toMatchObject({ waitsFor: 'operation' });
    expect(shown[fleet.others[2].slug]).toMatchObject({ waitsFor: null, dueAt: null });
  });

  test('that is to verify counts who is thought to have the schema among those to come, and forecasts no SQL for him', async () => {
    const waves = [{ projects: [fleet.others[1].slug] }];
    const { body } = await fleet.post('/rollouts', { target: 2, waves, verify: true, dryRun: true });
    expect(body.plan).toMatchObject({ verify: true });
    expect(body.counts).toEqual({ pending: 4, running: 0, done: 0, failed: 0, skipped: 0 });
    expect(body.waves.map(({ verifies, projects }: Shown) => [verifies, projects.length])).toEqual([
      [1, 1],
      [0, 3],
    ]);
    expect(body.waves[0].projects).toMatchObject([{ slug: fleet.others[1].slug, fromVersion: 2 }]);
    expect(body.notes).toEqual([
      'Wave 0 has nothing to migrate as far as is known (1 are looked into, 0 are left out); unless one is found behind, it passes without being judged.',
    ]);
    expect(body.migrations.map(({ version, databases }: Shown) => [version, databases])).toEqual([[2, 3]]);
    const planned = await fleet.post('/rollouts', { target: 2, waves, verify: true });
    expect(planned.body).toMatchObject({ plan: { verify: true }, notes: body.notes });
    const shown = await fleet.get(`/rollouts/${planned.body.id}`);
    expect(shown.waves.map(({ counts }: Shown) => counts.pending)).toEqual([1, 3]);
    expect(shown).toMatchObject({ plan: { verify: true }, verified: { projects: 0, behind: 0 } });
  });

  test('says that a cluster keeps too few connections for so many databases at a time', async () => {
    const wide = { target: 2, waves: [{ percent: 100 }], parallel: 64, parallelPerCluster: 20 };
    expect((await fleet.post('/rollouts', { ...wide, dryRun: true })).body.notes).toEqual([]);
    await fleet.rows.query(`UPDATE cluster SET reserved_connections = 20 WHERE name = 'far'`);
    const notes = [expect.stringMatching(/^On cluster far no more than 2 at a time, not 20:/)];
    expect((await fleet.post('/rollouts', { ...wide, dryRun: true })).body.notes).toEqual(notes);
    expect((await fleet.post('/rollouts', wide)).body.notes).toEqual(notes);
    await fleet.rows.query('UPDATE cluster SET reserved_connections = 40');
  });

  test('judges the request as the real one does', async () => {
    expect((await fleet.post('/rollouts', { target: 9, dryRun: true })).status).toBe(422);
    expect((await fleet.post('/rollouts', { target: 4, dryRun: true })).body.code).toBe('contract-too-early');
  });
});
