import { type Cluster, FleetRepository } from '#control-database';
import { aControlPlane, type ControlPlane, type Reply, type RequestOptions } from './control-plane.fixture.js';
import { FleetRows, testMigrations, type FleetProject } from './rollout-rows.fixture.js';

/** A JSON object of an answer: a test says what it expects in it. */
// eslint-disable-next-line @typescript-eslint/no-explicit-any
type Shown = Record<string, any>;

let plane: ControlPlane;
let rows: FleetRows;
let cluster: Cluster;
let one: FleetProject;
let other: FleetProject;
beforeAll(async () => {
  plane = await aControlPlane({ migrations: testMigrations });
  rows = new FleetRows(plane);
  cluster = await rows.aCluster('near');
  one = await rows.aProject(cluster, { schema: 2 });
  other = await rows.aProject(cluster, { schema: 1 });
  await rows.aProject(cluster, { schema: 1, state: 'deleted' });
  await rows.query(
    `INSERT INTO tenant_database (id, cluster_id, database_name, role_name, password_sealed, schema_version, state)
     VALUES (gen_random_uuid(), $1, 'spare', 'spare', '\\x', 2, 'spare'),
            (gen_random_uuid(), $1, 'trash', 'trash', '\\x', 1, 'trash')`,
    [cluster.id],
  );
  await rows.query('UPDATE fleet SET target_version = 2');
});
afterAll(async () => {
  await plane.stop();
});

const send = (method: string, route: string, body?: object, options: RequestOptions = {}): Promise<Reply> =>
  plane.send(method, route, { ...(body === undefined ? {} : { body }), ...options });
const get = async (route: string): Promise<Shown> => (await send('GET', route)).body as Shown;
const fieldsOf = ({ body }: Reply) => (body.errors as { field: string }[]).map(({ field }) => field);

describe('the schemas of the fleet', () => {
  test('are counted by version, with the target and who is behind it', async () => {
    expect(await get('/fleet/versions')).toEqual({
      ...{ target: 2, newest: 4, behind: 1 },
      versions: [
        { version: 1, name: 'Baseline1', projects: 1, spares: 0 },
        { version: 2, name: 'AddCapacity2', projects: 1, spares: 1 },
      ],
    });
  });

  test('are shown as metrics, without any name of a project', async () => {
    const counts = jest.spyOn(FleetRepository.prototype, 'countVersions');
    const text = await (await fetch(`${plane.url}/metrics`)).text();
    // A look at the page costs the control database one count, however many figures come of it.
    expect(counts).toHaveBeenCalledTimes(1);
    counts.mockRestore();
    expect(text).toContain('boxyard_tenant_databases{schema="1",use="project"} 1');
    expect(text).toContain('boxyard_tenant_databases{schema="2",use="spare"} 1');
    expect(text).toContain('boxyard_fleet_target_schema 2');
    expect(text).toContain('boxyard_tenant_database_checks{result="drifted"} 0');
    expect(text).toContain('boxyard_rollouts{state="paused"} 0');
    expect(text).not.toMatch(/^boxyard_rollout_(wave|projects_per_minute|remaining_seconds) /m);
    expect(text).not.toContain(one.slug);
  });

  test('find projects: the list of projects can be asked for a schema', async () => {
    const { items } = await get('/projects?schemaVersion=1');
    expect(items.map(({ slug, schemaVersion }: Shown) => [slug, schemaVersion])).toEqual([[other.slug, 1]]);
    expect((await send('GET', '/projects?schemaVersion=new')).status).toBe(400);
  });
});

describe('drift', () => {
  let fleet: FleetRepository;
  beforeAll(() => {
    fleet = new FleetRepository(plane.dataSource);
  });

  test('nobody has looked before somebody asks', async () => {
    expect(await get('/fleet/drift')).toEqual({
      ...{ requestedAt: null, checkedAt: null, items: [], next: null },
      counts: { pending: 0, same: 0, drifted: 0, failed: 0 },
    });
  });

  test('is looked for when it is asked for, in all projects or some, and shown as a diff', async () => {
    const asked = await send('POST', '/fleet/drift');
    expect(asked.status).toBe(202);
    expect(asked.headers.get('location')).toBe('/control/v1/fleet/drift');
    expect(asked.body).toEqual({ projects: 2 });
    expect((await get('/fleet/drift')).counts).toEqual({ pending: 2, same: 0, drifted: 0, failed: 0 });
    const due = await fleet.listDueChecks(10);
    expect(due.map(({ projectId }) => projectId).toSorted()).toEqual([one.id, other.id].sort());
    const found = { schemaVersion: 2, fingerprint: 'f00', differences: ['- index a', '+ index b'] };
    await fleet.recordCheck(
      due.find(({ projectId }) => projectId === one.id)!,
      found,
    );
    await fleet.recordCheck(
      due.find(({ projectId }) => projectId === other.id)!,
      { error: 'no answer' },
    );
    const { requestedAt, counts, items, next } = await get('/fleet/drift?limit=1');
    expect(counts).toEqual({ pending: 0, same: 0, drifted: 1, failed: 1 });
    expect(Date.parse(requestedAt as string)).toBeLessThanOrEqual(Date.now());
    const rest = await get(`/fleet/drift?limit=1&cursor=${next}`);
    const shown = [...(items as Shown[]), ...(rest.items as Shown[])];
    expect(shown.find(({ project }) => project === one.id)).toEqual({
      ...{ project: one.id, slug: one.slug, schemaVersion: 2, fingerprint: 'f00', error: null },
      ...{ differences: ['- index a', '+ index b'], checkedAt: expect.any(String) },
    });
    expect(shown.find(({ project }) => project === other.id)).toMatchObject({ error: 'no answer', differences: [] });

    expect((await send('POST', '/fleet/drift', { projects: [one.slug] })).body).toEqual({ projects: 1 });
    expect((await get('/fleet/drift')).counts).toEqual({ pending: 1, same: 0, drifted: 0, failed: 1 });
    const [again] = await fleet.listDueChecks(10);
    await fleet.recordCheck(again!, { schemaVersion: 2, fingerprint: 'f00', differences: [] });
    expect((await get('/fleet/drift')).counts).toEqual({ pending: 0, same: 1, drifted: 0, failed: 1 });
  });

  test('a look that began before somebody asked again does not count', async () => {
    await send('POST', '/fleet/drift', { projects: [one.id] });
    const [stale] = await fleet.listDueChecks(10);
    await send('POST', '/fleet/drift', { projects: [one.id] });
    await fleet.recordCheck(stale!, { schemaVersion: 2, fingerprint: 'f00', differences: [] });
    expect((await get('/fleet/drift')).counts.pending).toBe(1);
  });

  test('is asked for by operators, once per Idempotency-Key, and read by auditors', async () => {
    const { token } = await plane.operator('auditor');
    expect((await send('POST', '/fleet/drift', {}, { token })).status).toBe(403);
    expect((await send('GET', '/fleet/drift', undefined, { token })).status).toBe(200);
    expect((await send('GET', '/fleet/versions', undefined, { token })).status).toBe(200);
    expect(fieldsOf(await send('POST', '/fleet/drift', { projects: ['nobody'] }))).toEqual(['projects']);
    expect(fieldsOf(await send('POST', '/fleet/drift', { projects: [], all: true }))).toEqual(['all', 'projects']);
    const options = { headers: { 'idempotency-key': 'drift-1' } };
    await send('POST', '/fleet/drift', {}, options);
    expect((await send('POST', '/fleet/drift', {}, options)).headers.get('idempotent-replay')).toBe('true');
  });
});

describe('a project', () => {
  const change = (body: object, project = one) => send('PATCH', `/projects/${project.slug}`, body);
  beforeEach(async () => {
    await change({ schemaPin: null, maintenanceWindow: null });
  });

  test('is pinned to a schema until a moment, with a reason, and let go again', async () => {
    const pinned = await change({ schemaPin: { version: 2, until: '2040-01-01T00:00:00+01:00', reason: ' audit ' } });
    expect(pinned.body).toMatchObject({
      ...{ schemaVersion: 2, maintenanceWindow: null },
      schemaPin: { version: 2, until: '2039-12-31T23:00:00.000Z', reason: 'audit' },
    });
    expect((await change({ name: 'Quay Clinics' })).body).toMatchObject({ schemaPin: { version: 2 } });
    const { skipped } = (await send('POST', '/rollouts', { target: 3, dryRun: true })).body as Shown;
    expect(skipped).toEqual([expect.objectContaining({ slug: one.slug, reason: expect.stringContaining('audit') })]);
    expect((await change({ schemaPin: { version: 2, reason: 'audit' } })).body.schemaPin.until).toBeNull();
    expect((await change({ schemaPin: null })).body.schemaPin).toBeNull();
  });

  test('has a maintenance window, in UTC, and can go without one again', async () => {
    const window = { days: [6, 0], from: '22:00', until: '04:00' };
    expect((await change({ maintenanceWindow: window })).body.maintenanceWindow).toEqual({ ...window, days: [0, 6] });
    expect((await change({ labels: { a: 'b' } })).body.maintenanceWindow).toEqual({ ...window, days: [0, 6] });
    expect((await get(`/projects/${one.id}`)).maintenanceWindow.from).toBe('22:00');
    expect((await change({ maintenanceWindow: null })).body.maintenanceWindow).toBeNull();
  });

  test.each([
    [['schemaPin.version', 'schemaPin.reason'], { schemaPin: {} }],
    [['schemaPin.who', 'schemaPin.version'], { schemaPin: { version: '2', reason: 'x', who: 'me' } }],
    [['schemaPin.until'], { schemaPin: { version: 2, reason: 'x', until: 'tomorrow' } }],
    [['schemaPin.until'], { schemaPin: { version: 2, reason: 'x', until: '2020-01-01T00:00:00Z' } }],
    [['schemaPin.version'], { schemaPin: { version: 1, reason: 'it has schema 2' } }],
    [['schemaPin.version'], { schemaPin: { version: 99, reason: 'no release has it' } }],
    [['schemaPin'], { schemaPin: 2 }],
    [['maintenanceWindow.days', 'maintenanceWindow.from', 'maintenanceWindow.until'], { maintenanceWindow: {} }],
    [['maintenanceWindow.days'], { maintenanceWindow: { days: [], from: '22:00', until: '04:00' } }],
    [['maintenanceWindow.days'], { maintenanceWindow: { days: [7], from: '22:00', until: '04:00' } }],
    [['maintenanceWindow.days'], { maintenanceWindow: { days: [1, 1], from: '22:00', until: '04:00' } }],
    [
      ['maintenanceWindow.from', 'maintenanceWindow.until'],
      { maintenanceWindow: { days: [1], from: '9:00', until: '24:00' } },
    ],
    [['maintenanceWindow'], { maintenanceWindow: 'nights' }],
  ])('refuses %j', async (fields, body) => {
    const reply = await change(body);
    expect(reply.status).toBe(400);
    expect(fieldsOf(reply)).toEqual(fields);
    expect(await get(`/projects/${one.id}`)).toMatchObject({ schemaPin: null, maintenanceWindow: null });
  });
});
