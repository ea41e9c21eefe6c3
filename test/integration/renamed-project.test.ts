/** A project that gets another slug, as clients of the old one and of the new one see it. */
import { aControlPlane, type ControlPlane, until } from './control-plane.fixture.js';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let control: ControlPlane;
let clinic: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  control = await aControlPlane({
    database: { url: plane.controlUrl, drop: async () => undefined },
    config: { masterKey: plane.config.masterKey, baseDomain: plane.config.baseDomain },
  });
  clinic = await plane.createProject('clinic');
});

afterAll(async () => {
  await control?.stop();
  await plane?.close();
});

const rename = (slug: string, idOrSlug = clinic.id) =>
  control.send('PATCH', `/projects/${idOrSlug}`, { body: { slug } });
const read = (slug: string, token: string, byHost = false) =>
  plane.call({
    path: byHost ? '/fhir/R4/Patient?_count=1' : `/p/${slug}/fhir/R4/Patient?_count=1`,
    ...(byHost ? { host: `${slug}.fhir.test` } : {}),
    headers: { authorization: `Bearer ${token}` },
  });
const deprecationOf = ({ headers }: { headers: object }) =>
  ['deprecation', 'sunset', 'link'].map((name) => (headers as Record<string, unknown>)[name]);

test('the old slug goes on serving, deprecated, and tokens of both names are good at both', async () => {
  const old = await plane.token(clinic);
  expect(deprecationOf(await read('clinic', old))).toEqual([undefined, undefined, undefined]);
  const renamed = await rename('group');
  expect([renamed.status, renamed.body.slug, renamed.body.baseUrls[0]]).toEqual([
    200,
    'group',
    'http://group.fhir.test:4100/',
  ]);
  await until(async () => (await read('group', old)).status === 200);
  const token = await plane.token(clinic, true);
  const answers = [await read('group', old), await read('group', token), await read('group', token, true)];
  for (const answer of answers) {
    expect([answer.status, ...deprecationOf(answer)]).toEqual([200, undefined, undefined, undefined]);
  }
  const port = new URL(plane.url).port;
  for (const byHost of [false, true]) {
    for (const each of [old, token]) {
      const answer = await read('clinic', each, byHost);
      expect([answer.status, answer.headers.link]).toEqual([
        200,
        `<http://group.fhir.test:${port}/fhir/R4/Patient>; rel="canonical"`,
      ]);
      const since = /^@(\d+)$/.exec(String(answer.headers['deprecation']))?.[1];
      expect(Math.abs(Number(since) - Date.now() / 1000)).toBeLessThan(60);
      const days = (Date.parse(String(answer.headers['sunset'])) - Date.now()) / 86_400_000;
      expect(days).toBeGreaterThan(89.9);
      expect(days).toBeLessThanOrEqual(90);
    }
  }
  const refused = await plane.call({ path: '/p/clinic/fhir/R4/Patient' });
  expect([refused.status, deprecationOf(refused)[0]]).toEqual([401, expect.stringMatching(/^@/)]);
});

test('the old slug is nobody else’s for that long, and the new one is taken', async () => {
  const create = (slug: string) =>
    control.send('POST', '/projects', { body: { slug, name: 'Another', fhirVersion: 'R4' } });
  const taken = { status: 409, body: { code: 'slug-taken' } };
  expect(await create('clinic')).toMatchObject(taken);
  expect(await create('group')).toMatchObject(taken);
  const other = await plane.createProject('other');
  expect(await rename('clinic', other.id)).toMatchObject(taken);
  expect(await rename('group', other.id)).toMatchObject(taken);
  expect((await control.send('GET', '/slugs/clinic')).body).toEqual({ available: false });
  // A refused one has changed nothing.
  expect((await plane.call({ path: '/p/other/healthcheck' })).headers['deprecation']).toBeUndefined();
});

test('a project can go back to a slug of its own', async () => {
  expect((await rename('clinic')).status).toBe(200);
  const link = async (slug: string) => (await plane.call({ path: `/p/${slug}/healthcheck` })).headers.link;
  await until(async () => (await link('clinic')) === undefined && (await link('group')) !== undefined);
  expect((await rename('group')).status).toBe(200);
  await until(async () => (await link('group')) === undefined);
});

test('after its time the old slug answers like one that never was, and may be taken', async () => {
  await plane.dataSource.query(
    `UPDATE base_url SET free_after = now() + interval '1 s' WHERE name = 'clinic' AND project_id = $1`,
    [clinic.id],
  );
  await until(async () => (await plane.call({ path: '/p/clinic/healthcheck' })).status === 404);
  expect((await plane.call({ path: '/p/clinic/healthcheck' })).text).toBe(
    (await plane.call({ path: '/p/nobody/healthcheck' })).text,
  );
  expect((await read('group', await plane.token({ ...clinic, path: '/p/group/' }))).status).toBe(200);
  const heir = await plane.createProject('heir');
  await until(async () => (await rename('clinic', heir.id)).status === 200);
  await until(async () => (await plane.call({ path: '/p/clinic/healthcheck' })).status === 200);
  expect((await read('clinic', await plane.token({ ...clinic, path: '/p/group/' }))).status).toBe(401);
});

test('bad slugs, states without a name, and a stale revision are refused', async () => {
  expect((await rename('www')).status).toBe(400);
  expect((await rename('Clinic')).status).toBe(400);
  const { body } = await control.send('POST', '/projects', {
    body: { slug: 'unbuilt', name: 'Unbuilt', fhirVersion: 'R4' },
  });
  expect(await rename('built', body.project.id)).toMatchObject({ status: 409, body: { code: 'invalid-state' } });
  const stale = await control.send('PATCH', `/projects/${clinic.id}`, {
    body: { slug: 'stale' },
    headers: { 'if-match': 'W/"1"' },
  });
  expect(stale.status).toBe(412);
  const verb = await control.send('POST', `/projects/${clinic.id}/rename`, { body: { slug: 'quay-group' } });
  expect([verb.status, verb.body.slug]).toEqual([200, 'quay-group']);
});
