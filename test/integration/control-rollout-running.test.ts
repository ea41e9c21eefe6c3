/** A rollout that runs: what is shown of it, and which of its projects operators try again or leave out. */
import { expectInvalid, PaperFleet, type Shown } from './control-rollouts.fixture.js';
import type { FleetProject } from './rollout-rows.fixture.js';

let fleet: PaperFleet;
beforeAll(async () => {
  fleet = await PaperFleet.open();
});
afterAll(() => fleet.close());
afterEach(() => fleet.reset());

describe('a running rollout', () => {
  test('shows its waves, counts, pace, durations and failures', async () => {
    const id = await fleet.aRunningRollout();
    await fleet.rows.query(
      `UPDATE rollout_project SET state = 'done', attempts = 1, to_version = 3, duration_ms = 40,
              started_at = now() - interval '1 s', finished_at = now() WHERE rollout_id = $1 AND project_id = $2`,
      [id, fleet.others[0].id],
    );
    await fleet.rows.query(
      `UPDATE rollout_project SET waits_for = 'window', due_at = '2030-01-01T00:00:00Z'
        WHERE rollout_id = $1 AND project_id = $2`,
      [id, fleet.others[1].id],
    );
    const body = await fleet.get(`/rollouts/${id}`);
    expect(body).toMatchObject({
      ...{ id, state: 'running', target: 3, wave: 0 },
      counts: { pending: 2, running: 0, done: 1, failed: 1, skipped: 0 },
      waiting: { projects: 1, until: '2030-01-01T00:00:00.000Z' },
      backfills: { pending: 0, done: 0, failed: 0 },
      eta: '2030-01-01T00:00:00.000Z',
      durations: { p50: 40, p95: 40, max: 40 },
      slowest: [
        { slug: fleet.others[0].slug, durationMs: 40 },
        { slug: fleet.canary.slug, durationMs: 12 },
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
          examples: [{ project: fleet.canary.id, slug: fleet.canary.slug, attempts: 1 }],
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
    const id = await fleet.aRunningRollout();
    for (const [project, found] of [
      [fleet.others[0], 1],
      [fleet.others[1], 3],
    ] as const) {
      await fleet.rows.setMember(id, project, 'done');
      await fleet.rows.query(
        'UPDATE rollout_project SET found_version = $3 WHERE rollout_id = $1 AND project_id = $2',
        [...[id, project.id, found]],
      );
    }
    expect((await fleet.get(`/rollouts/${id}`)).verified).toEqual({ projects: 2, behind: 1 });
    const { items } = await fleet.get(`/rollouts/${id}/projects?wave=1`);
    const found = Object.fromEntries(items.map(({ slug, foundVersion }: Shown) => [slug, foundVersion]));
    expect(found).toEqual({ [fleet.others[0].slug]: 1, [fleet.others[1].slug]: 3, [fleet.others[2].slug]: null });
  });

  test('lists its projects by state, by wave and page by page', async () => {
    const id = await fleet.aRunningRollout();
    const list = async (query = '') => {
      const { items, next } = await fleet.get(`/rollouts/${id}/projects${query}`);
      return { slugs: items.map(({ slug }: Shown) => slug), items, next };
    };
    const all = await list();
    expect(all.slugs.toSorted()).toEqual([fleet.canary, ...fleet.others].map(({ slug }) => slug).sort());
    const { items } = await list('?state=failed');
    expect(items).toEqual([
      expect.objectContaining({
        ...{
          project: fleet.canary.id,
          clusterId: fleet.near.id,
          wave: 0,
          state: 'failed',
          attempts: 1,
          fromVersion: 1,
        },
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
    expectInvalid(
      await fleet.send('GET', `/rollouts/${id}/projects?state=lost&wave=x&cursor=y`),
      'state',
      'wave',
      'cursor',
    );
  });

  test('tries failed projects again; named ones only, when some are named', async () => {
    const id = await fleet.aRunningRollout();
    await fleet.rows.setMember(id, fleet.others[0], 'failed');
    const one = await fleet.post(`/rollouts/${id}/retry`, { projects: [fleet.canary.slug] });
    expect(one.body).toMatchObject({ changed: true, projects: [fleet.canary.id], state: 'running' });
    const [row] = await fleet.rows.query('SELECT * FROM rollout_project WHERE rollout_id = $1 AND project_id = $2', [
      ...[id, fleet.canary.id],
    ]);
    expect(row).toMatchObject({ state: 'pending', attempts: 0, error: null, error_fingerprint: null, due_at: null });
    expect((await fleet.post(`/rollouts/${id}/retry`)).body).toMatchObject({
      changed: true,
      projects: [fleet.others[0].id],
    });
    expect((await fleet.post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: false, projects: [] });
  });

  test('goes on with a retry when its failures had paused it, and not when an operator had', async () => {
    const id = await fleet.aRunningRollout();
    await fleet.rows.setRollout(id, 'paused', { code: 'requested', message: 'lunch' });
    expect((await fleet.post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: true, state: 'paused' });
    await fleet.rows.setMember(id, fleet.canary, 'failed');
    await fleet.rows.setRollout(id, 'paused', { code: 'projects-failed', message: '1 project has failed.' });
    expect((await fleet.post(`/rollouts/${id}/retry`)).body).toMatchObject({
      changed: true,
      state: 'running',
      reason: null,
    });
  });

  test('also begins failed backfills again, and leaves the migration as it is', async () => {
    const id = await fleet.aRunningRollout();
    await fleet.rows.setMember(id, fleet.others[0], 'done');
    await fleet.rows.query(
      `UPDATE rollout_project SET backfill = 'failed', duration_ms = 7 WHERE rollout_id = $1 AND project_id = $2`,
      [id, fleet.others[0].id],
    );
    expect((await fleet.get(`/rollouts/${id}`)).backfills).toEqual({ pending: 0, done: 0, failed: 1 });
    await fleet.post(`/rollouts/${id}/retry`, { projects: [fleet.others[0].id] });
    expect((await fleet.get(`/rollouts/${id}`)).backfills).toEqual({ pending: 1, done: 0, failed: 0 });
    const { items } = await fleet.get(`/rollouts/${id}/projects?state=done`);
    expect(items).toMatchObject([
      { slug: fleet.others[0].slug, attempts: 1, durationMs: 7, backfill: { state: 'pending' } },
    ]);
  });

  test('leaves out a backfill that has failed; the project stays done, and a retry of all passes it by', async () => {
    const id = await fleet.aRunningRollout();
    await fleet.rows.setMember(id, fleet.others[0], 'done');
    const skip = () => fleet.post(`/rollouts/${id}/skip`, { projects: [fleet.others[0].id], reason: 'ticket 4711' });
    expect((await skip()).body).toMatchObject({ code: 'project-not-skippable', projects: [fleet.others[0].id] });
    await fleet.rows.query(`UPDATE rollout_project SET backfill = 'failed' WHERE rollout_id = $1 AND project_id = $2`, [
      ...[id, fleet.others[0].id],
    ]);
    expect((await skip()).body).toMatchObject({ changed: true, projects: [fleet.others[0].id] });
    expect((await skip()).body).toMatchObject({ changed: false });
    const { items } = await fleet.get(`/rollouts/${id}/projects?state=done`);
    expect(items).toMatchObject([{ skipReason: 'ticket 4711', backfill: { state: 'failed' } }]);
    expect((await fleet.post(`/rollouts/${id}/retry`)).body.projects).toEqual([fleet.canary.id]);
  });

  test('leaves pending and failed projects out, with the reason; others are refused and nothing is changed', async () => {
    const id = await fleet.aRunningRollout();
    const reason = 'ticket 4711';
    const skipped = await fleet.post(`/rollouts/${id}/skip`, {
      projects: [fleet.canary.slug, fleet.others[0].id],
      reason,
    });
    expect(skipped.body).toMatchObject({ changed: true });
    expect(skipped.body.projects.toSorted()).toEqual([fleet.canary.id, fleet.others[0].id].sort());
    const { items } = await fleet.get(`/rollouts/${id}/projects?state=skipped`);
    expect(items.map((item: Shown) => [item.skipReason, item.error])).toEqual([
      [reason, null],
      [reason, null],
    ]);
    const again = await fleet.post(`/rollouts/${id}/skip`, { projects: [fleet.canary.slug], reason });
    expect(again.body).toMatchObject({ changed: false, projects: [] });
    await fleet.rows.setMember(id, fleet.others[1], 'running');
    const refused = await fleet.post(`/rollouts/${id}/skip`, {
      projects: [fleet.others[1].slug, fleet.others[2].slug],
      reason,
    });
    expect(refused.body).toMatchObject({ status: 409, code: 'project-not-skippable', projects: [fleet.others[1].id] });
    expect((await fleet.get(`/rollouts/${id}/projects?state=pending`)).items).toHaveLength(1);
  });

  test('is shown as metrics', async () => {
    const page = async () => (await fetch(`${fleet.plane.url}/metrics`)).text();
    const id = await fleet.aRunningRollout();
    const running = await page();
    expect(running).toContain('boxyard_rollouts{state="running"} 1');
    expect(running).toContain('boxyard_rollout_wave 0');
    expect(running).toMatch(/^boxyard_rollout_projects_per_minute \d/m);
    await fleet.post(`/rollouts/${id}/pause`);
    const paused = await page();
    expect(paused).toContain('boxyard_rollouts{state="paused"} 1');
    expect(paused).not.toMatch(/^boxyard_rollout_wave /m);
  });

  test('that no worker has taken up yet says so', async () => {
    const id = await fleet.aPlannedRollout();
    await fleet.post(`/rollouts/${id}/start`);
    expect((await fleet.post(`/rollouts/${id}/retry`)).body).toMatchObject({ changed: false });
    const early = await fleet.post(`/rollouts/${id}/skip`, { projects: [fleet.canary.id], reason: 'x' });
    expect(early.body).toMatchObject({ status: 409, code: 'rollout-not-begun' });
    expect(early.headers.get('retry-after')).toBe('2');
  });

  test('knows its own projects by their names, also one that was purged meanwhile', async () => {
    const id = await fleet.aRunningRollout();
    const [gone, heir] = [await fleet.rows.aProject(fleet.far), await fleet.rows.aProject(fleet.far)];
    await fleet.rows.member(id, gone, { wave: 1, state: 'failed', attempts: 1 });
    await fleet.rows.query(`UPDATE project SET state = 'deleted', deleted_at = now() WHERE id = $1`, [gone.id]);
    for (const name of [gone.slug, gone.id]) {
      const retried = await fleet.post(`/rollouts/${id}/retry`, { projects: [name] });
      expect(retried.body).toMatchObject({ changed: true, projects: [gone.id] });
      await fleet.rows.setMember(id, gone, 'failed');
    }
    // Somebody else has the slug by now: it means him as soon as he is part of the rollout.
    await fleet.rows.query('UPDATE project SET slug = $2 WHERE id = $1', [heir.id, gone.slug]);
    await fleet.rows.member(id, heir, { wave: 1, state: 'failed', attempts: 1 });
    const skipped = await fleet.post(`/rollouts/${id}/skip`, { projects: [gone.slug], reason: 'gone' });
    expect(skipped.body).toMatchObject({ changed: true, projects: [heir.id] });
    await fleet.rows.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [heir.id]);
  });

  test('looks anew at a project whose maintenance window an operator changes, and only at one that waits for it', async () => {
    const id = await fleet.aRunningRollout();
    const wait = (project: FleetProject, waitsFor: string) =>
      fleet.rows.query(
        `UPDATE rollout_project SET waits_for = $3, due_at = now() + interval '1 day'
          WHERE rollout_id = $1 AND project_id = $2`,
        [id, project.id, waitsFor],
      );
    await wait(fleet.others[0], 'window');
    await wait(fleet.others[1], 'operation');
    for (const { slug } of [fleet.others[0], fleet.others[1]]) {
      expect((await fleet.send('PATCH', `/projects/${slug}`, { maintenanceWindow: null })).status).toBe(200);
    }
    const { items } = await fleet.get(`/rollouts/${id}/projects?wave=1`);
    const shown = Object.fromEntries(items.map((item: Shown) => [item.slug, item]));
    expect(shown[fleet.others[0].slug]).toMatchObject({ waitsFor: null, dueAt: null });
    expect(shown[fleet.others[1].slug]).toMatchObject({ waitsFor: 'operation', dueAt: expect.any(String) });
  });

  test('knows which projects are not part of it', async () => {
    const id = await fleet.aRunningRollout();
    const late = await fleet.rows.aProject(fleet.far);
    expectInvalid(await fleet.post(`/rollouts/${id}/retry`, { projects: [late.slug] }), 'projects');
    expectInvalid(
      await fleet.post(`/rollouts/${id}/skip`, { projects: [late.slug, fleet.canary.id], reason: 'x' }),
      'projects',
    );
    expectInvalid(await fleet.post(`/rollouts/${id}/skip`, { projects: ['nobody'], reason: 'x' }), 'projects');
    expect((await fleet.get(`/rollouts/${id}/projects?state=skipped`)).items).toEqual([]);
    await fleet.rows.query(`UPDATE project SET state = 'deleted' WHERE id = $1`, [late.id]);
  });
});
