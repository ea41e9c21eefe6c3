/** The rollouts that there are, and the states through which operators take them. */
import { AuditRepository } from '#control-database';
import { listen } from '#postgres';
import { until } from './control-plane.fixture.js';
import { expectInvalid, PaperFleet, type Shown } from './control-rollouts.fixture.js';

let fleet: PaperFleet;
beforeAll(async () => {
  fleet = await PaperFleet.open();
});
afterAll(() => fleet.close());
afterEach(() => fleet.reset());

describe('the states of a rollout', () => {
  const verb = async (id: string, name: string, body?: object) => {
    const reply = await fleet.post(`/rollouts/${id}/${name}`, body);
    const { state, changed, code, from, to, allowed, reason } = reply.body;
    return reply.status === 200 ? { state, changed, reason } : { status: reply.status, code, from, to, allowed };
  };

  test('go from planned over running and paused to aborted; a repeat changes nothing', async () => {
    const id = await fleet.aPlannedRollout();
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
    const { startedAt, finishedAt } = await fleet.get(`/rollouts/${id}`);
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
    const id = await fleet.aPlannedRollout();
    await fleet.rows.setRollout(id, state);
    expect(await verb(id, name)).toMatchObject({ status: 409, code: 'invalid-transition', from: state, allowed });
    expect((await fleet.get(`/rollouts/${id}`)).state).toBe(state);
  });

  test('a start leaves it to the first healthy wave to change the schema with which databases are born', async () => {
    const id = await fleet.aPlannedRollout();
    await verb(id, 'start');
    expect((await fleet.get('/fleet/versions')).target).toBe(1);
  });

  test('one rollout at a time runs or is paused, also when two are started at once', async () => {
    const [one, other] = [await fleet.aPlannedRollout(), await fleet.aPlannedRollout()];
    const replies = await Promise.all([fleet.post(`/rollouts/${one}/start`), fleet.post(`/rollouts/${other}/start`)]);
    expect(replies.map(({ status }) => status).sort()).toEqual([200, 409]);
    const refused = replies.find(({ status }) => status === 409)!;
    expect(refused.body.code).toBe('rollout-in-progress');
    const [running, waiting] = replies[0].status === 200 ? [one, other] : [other, one];
    await verb(running, 'pause');
    const again = await fleet.post(`/rollouts/${waiting}/start`);
    expect(again.body).toMatchObject({ status: 409, code: 'rollout-in-progress', rollout: running });
    await verb(running, 'abort');
    expect(await verb(waiting, 'start')).toMatchObject({ state: 'running' });
  });

  test('a start is judged anew: what was possible when it was planned may not be any more', async () => {
    await fleet.haveSchema(3);
    await fleet.rows.query('UPDATE fleet SET target_version = 3');
    const id = await fleet.aPlannedRollout({ target: 4 });
    await fleet.haveFirstSchemas();
    const { status, body } = await fleet.post(`/rollouts/${id}/start`);
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'contract-too-early' });
    expect((await fleet.get(`/rollouts/${id}`)).state).toBe('planned');
  });

  test('every change is announced to the workers', async () => {
    const heard: string[] = [];
    const listener = await listen(
      fleet.plane.database.url,
      ['boxyard_rollout'],
      (_, id) => void heard.push(id),
      () => undefined,
    );
    try {
      const id = await fleet.aPlannedRollout();
      await verb(id, 'start');
      await verb(id, 'pause');
      await until(() => heard.filter((each) => each === id).length === 3);
    } finally {
      await listener.close();
    }
  });

  test('a body that is none of ours is refused', async () => {
    const id = await fleet.aPlannedRollout();
    expectInvalid(await fleet.post(`/rollouts/${id}/pause`, { why: 'lunch' }), 'why');
    expectInvalid(await fleet.post(`/rollouts/${id}/abort`, { reason: '' }), 'reason');
    expectInvalid(await fleet.post(`/rollouts/${id}/retry`, { projects: 'all' }), 'projects');
    expectInvalid(await fleet.post(`/rollouts/${id}/skip`, {}), 'projects', 'reason');
  });
});

describe('rollouts', () => {
  test('are listed, the newest first, with their counts, by state and page by page', async () => {
    const planned = [await fleet.aPlannedRollout(), await fleet.aPlannedRollout()];
    const running = await fleet.aRunningRollout();
    const { items } = await fleet.get('/rollouts?limit=3');
    expect(items.map(({ id }: Shown) => id)).toEqual([running, planned[1], planned[0]]);
    expect(items[0].counts).toEqual({ pending: 3, running: 0, done: 0, failed: 1, skipped: 0 });
    expect((await fleet.get('/rollouts?state=running')).items.map(({ id }: Shown) => id)).toEqual([running]);
    const first = await fleet.get('/rollouts?limit=2');
    expect((await fleet.get(`/rollouts?limit=2&cursor=${first.next}`)).items[0].id).toBe(planned[0]);
    expectInvalid(await fleet.send('GET', '/rollouts?state=new&limit=0&cursor=1'), 'state', 'cursor', 'limit');
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
        const { status, body } = await fleet.send(method!, `/rollouts/${id}${route}`);
        expect({ status, code: body.code }).toEqual({ status: 404, code: 'rollout-not-found' });
      }
    }
  });

  test('are read by auditors and changed by operators; every change and every refusal is audited', async () => {
    const [auditor, operator] = [await fleet.plane.operator('auditor'), await fleet.plane.operator('operator')];
    const id = await fleet.aPlannedRollout();
    for (const route of ['', `/${id}`, `/${id}/projects`]) {
      expect((await fleet.send('GET', `/rollouts${route}`, undefined, { token: auditor.token })).status).toBe(200);
    }
    for (const route of ['', `/${id}/start`, `/${id}/abort`, `/${id}/retry`]) {
      const { status, body } = await fleet.post(`/rollouts${route}`, {}, { token: auditor.token });
      expect({ status, code: body.code }).toEqual({ status: 403, code: 'role-insufficient' });
    }
    expect((await fleet.send('GET', `/rollouts/${id}`, undefined, { token: null })).status).toBe(401);
    expect((await fleet.post(`/rollouts/${id}/start`, undefined, { token: operator.token })).status).toBe(200);
    await fleet.post(`/rollouts/${id}/abort`, { reason: 'enough' }, { token: operator.token });
    const records = await fleet.rows.query<{ action: string; actor: string }>(
      'SELECT action, actor FROM audit_record WHERE target = $1 ORDER BY id',
      [`rollout:${id}`],
    );
    expect(records.map(({ action }) => action)).toEqual(['rollout.create', 'rollout.start', 'rollout.abort']);
    expect(records[1]!.actor).toBe(`operator:${operator.id}`);
    expect(await new AuditRepository(fleet.plane.dataSource).verifyChain()).toMatchObject({ intact: true });
  });
});
