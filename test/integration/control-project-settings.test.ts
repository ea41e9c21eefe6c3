/** What the control plane takes as settings of a project, from whom, and what it queues for a worker. */
import { createHash } from 'node:crypto';
import { canonicalJson, OperationRepository } from '#control-database';
import { aControlPlane, aSlug, type ControlPlane, type Reply, until } from './control-plane.fixture.js';

let plane: ControlPlane;
let operations: OperationRepository;
beforeAll(async () => {
  plane = await aControlPlane();
  operations = new OperationRepository(plane.dataSource);
});
afterAll(() => plane.stop());

const usual = { strictMode: true, validationLevel: 'invariants', features: [], auditRetentionDays: null };

/** An active project, as a worker leaves it. */
async function aProject(): Promise<string> {
  const slug = aSlug();
  const { body } = await plane.send('POST', '/projects', { body: { slug, name: 'Quay', fhirVersion: 'R4' } });
  await plane.build(body.operation.id as string);
  return slug;
}

const change = (slug: string, body: unknown, options: object = {}): Promise<Reply> =>
  plane.send('PATCH', `/projects/${slug}/settings`, { body, ...options });
const settings = async (slug: string): Promise<unknown> => (await plane.send('GET', `/projects/${slug}/settings`)).body;
/** Changes settings and puts them into force as a worker does. */
async function changed(slug: string, body: object): Promise<void> {
  const reply = await change(slug, body);
  expect(reply.status).toBe(202);
  await plane.end(reply.body.operation.id as string);
}

describe('settings of a project', () => {
  test('are those of a new project until they are changed, and then what was last put into force', async () => {
    const slug = await aProject();
    expect(await settings(slug)).toEqual(usual);
    const accepted = await change(slug, { strictMode: false, features: ['email', 'cron'] });
    const { operation } = accepted.body;
    expect(accepted).toMatchObject({
      status: 202,
      body: {
        project: { slug, state: 'active' },
        settings: { ...usual, strictMode: false, features: ['email', 'cron'] },
        operation: { kind: 'project.configure', state: 'queued', error: null },
      },
    });
    expect(accepted.headers.get('location')).toBe(`/control/v1/operations/${operation.id}`);
    expect(await settings(slug)).toEqual(usual);
    await plane.end(operation.id as string);
    expect(await settings(slug)).toEqual({ ...usual, strictMode: false, features: ['email', 'cron'] });
  });

  test('that are not named stay, null brings back what a new project has, and each operation carries all of them', async () => {
    const slug = await aProject();
    await changed(slug, {
      strictMode: false,
      validationLevel: 'structure',
      features: ['email'],
      auditRetentionDays: 90,
    });
    await changed(slug, { auditRetentionDays: 36_500, features: [] });
    const { body } = await change(slug, { strictMode: null, validationLevel: 'structure' });
    const all = { ...usual, validationLevel: 'structure', auditRetentionDays: 36_500 };
    expect((await operations.get(body.operation.id as string)).params).toEqual(all);
    await plane.end(body.operation.id as string);
    await changed(slug, { auditRetentionDays: null, validationLevel: null, features: null });
    expect(await settings(slug)).toEqual(usual);
  });

  test('of an operation that failed are not in force, and the next change does not build on them', async () => {
    const slug = await aProject();
    await changed(slug, { features: ['email'] });
    const failing = await change(slug, { strictMode: false }, { headers: { prefer: 'wait=1' } });
    expect(failing).toMatchObject({ status: 202, body: { operation: { state: 'queued' } } });
    const id = failing.body.operation.id as string;
    const { fence } = (await operations.claim(id, 'w', 10_000))!;
    await operations.finish(id, fence, 'failed', { code: 'step-failed', message: 'It did not work.' });
    expect(await settings(slug)).toEqual({ ...usual, features: ['email'] });
    const { body } = await change(slug, { auditRetentionDays: 30 });
    expect(body.settings).toEqual({ ...usual, features: ['email'], auditRetentionDays: 30 });
  });

  test('are written anew by a change that names nothing', async () => {
    const slug = await aProject();
    await changed(slug, { features: ['email'] });
    const { body } = await change(slug, {});
    expect((await operations.get(body.operation.id as string)).params).toEqual({ ...usual, features: ['email'] });
  });

  test('of one project are not those of another', async () => {
    const [slug, other] = [await aProject(), await aProject()];
    await changed(slug, { strictMode: false, auditRetentionDays: 30 });
    expect(await settings(other)).toEqual(usual);
  });

  test('with Prefer: wait are answered when they are in force', async () => {
    const slug = await aProject();
    const reply = change(slug, { validationLevel: 'structure' }, { headers: { prefer: 'wait=20' } });
    const id = (await plane.send('GET', `/projects/${slug}`)).body.id as string;
    await until(async () => (await operations.findUnfinished(id)) !== undefined);
    await plane.end((await operations.findUnfinished(id))!.id);
    const { status, headers, body } = await reply;
    expect([status, headers.get('preference-applied')]).toEqual([200, 'wait=20']);
    expect(body).toMatchObject({
      settings: { ...usual, validationLevel: 'structure' },
      operation: { state: 'succeeded' },
    });
  });

  test('happen once with an Idempotency-Key', async () => {
    const slug = await aProject();
    const options = { headers: { 'idempotency-key': `settings-${slug}` } };
    const first = await change(slug, { features: ['email'] }, options);
    const second = await change(slug, { features: ['email'] }, options);
    expect([second.status, second.headers.get('idempotent-replay')]).toEqual([202, 'true']);
    expect(second.body).toEqual(first.body);
    expect((await change(slug, { features: [] }, options)).body.code).toBe('idempotency-mismatch');
  });

  test('are audited with what they were before', async () => {
    const slug = await aProject();
    await changed(slug, { auditRetentionDays: 90 });
    const { body } = await change(slug, { auditRetentionDays: 30 });
    const records = await plane.dataSource.query<object[]>(
      `SELECT actor, outcome, before_hash AS before, after_hash AS after FROM audit_record
        WHERE target = $1 AND action = 'project.configure' ORDER BY id`,
      [`project:${body.project.id}`],
    );
    const hash = (state: object) => createHash('sha256').update(canonicalJson(state)).digest('hex');
    const [none, long, short] = [null, 90, 30].map((auditRetentionDays) => hash({ ...usual, auditRetentionDays }));
    const actor = expect.stringMatching(/^operator:/);
    expect(records).toEqual([
      { actor, outcome: 'success', before: none, after: long },
      { actor, outcome: 'success', before: long, after: short },
    ]);
  });
});

describe('settings are refused', () => {
  test('with every wrong member named', async () => {
    const slug = await aProject();
    const { status, body } = await change(slug, {
      strictMode: 'yes',
      validationLevel: 'none',
      features: ['two words'],
      auditRetentionDays: 29,
      superAdmin: true,
      systemSetting: [{ name: 'x' }],
    });
    expect([status, body.code]).toEqual([400, 'validation']);
    expect(body.errors).toEqual(
      expect.arrayContaining([
        { field: 'strictMode', message: 'must be true, false or null' },
        { field: 'validationLevel', message: 'must be one of structure, invariants, or null' },
        { field: 'features', message: 'must be a list of names of letters, digits and hyphens' },
        { field: 'auditRetentionDays', message: 'must be at least 30' },
        { field: 'superAdmin', message: 'is not a known property' },
        { field: 'systemSetting', message: 'is not a known property' },
      ]),
    );
    expect(body.errors).toHaveLength(6);
  });

  test.each([
    ['too many days', { auditRetentionDays: 36_501 }],
    ['a part of a day', { auditRetentionDays: 40.5 }],
    ['days as text', { auditRetentionDays: '40' }],
    ['features that are no list', { features: 'email' }],
    ['a feature twice', { features: ['email', 'email'] }],
    ['a feature that is none', { features: [null] }],
    ['too many features', { features: Array.from({ length: 65 }, (_, index) => `f${index}`) }],
    ['a number for a yes', { strictMode: 1 }],
    ['a list for a level', { validationLevel: ['structure'] }],
  ])('when they are none: %s', async (_, body) => {
    const slug = await aProject();
    const reply = await change(slug, body);
    expect(reply).toMatchObject({ status: 400, body: { errors: [{ field: Object.keys(body)[0] }] } });
    expect(reply.body.errors).toHaveLength(1);
    expect(await settings(slug)).toEqual(usual);
  });

  test.each([['[]'], ['"x"'], ['3'], ['{']])('when the body is no object: %s', async (body) => {
    expect((await change(await aProject(), body)).status).toBe(400);
  });

  test('to those who may only read, who see them', async () => {
    const slug = await aProject();
    const { token: auditor } = await plane.operator('auditor');
    expect(await change(slug, { strictMode: false }, { token: auditor })).toMatchObject({
      status: 403,
      body: { code: 'role-insufficient' },
    });
    const read = (token: string | null) => plane.send('GET', `/projects/${slug}/settings`, { token });
    expect([(await read(auditor)).status, (await read(null)).status]).toEqual([200, 401]);
    const { token: operator } = await plane.operator('operator');
    expect((await change(slug, { strictMode: false }, { token: operator })).status).toBe(202);
  });

  test('while another operation is under way, and for a project that has no database', async () => {
    const slug = await aProject();
    const { body } = await change(slug, { strictMode: false });
    expect(await change(slug, { features: ['email'] })).toMatchObject({
      status: 409,
      body: { code: 'operation-in-progress' },
    });
    await plane.end(body.operation.id as string);
    await plane.dataSource.query(`UPDATE project SET state = 'archived' WHERE slug = $1`, [slug]);
    expect(await change(slug, { strictMode: true })).toMatchObject({
      status: 409,
      body: { code: 'invalid-state', detail: 'A project in state archived cannot get other settings now.' },
    });
    expect((await change('nobody-here', { strictMode: true })).status).toBe(404);
    expect((await plane.send('GET', '/projects/nobody-here/settings')).status).toBe(404);
  });
});
