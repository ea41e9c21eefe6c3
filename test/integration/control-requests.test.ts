import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import {
  IdempotencyRepository,
  LoginThrottleRepository,
  ProjectTrafficRepository,
  RateWindowRepository,
  SealedSecretRepository,
} from '#control-database';
import { systemClock } from '#platform';
import { Housekeeping } from '../../apps/control-plane/src/housekeeping/housekeeping.service.js';
import { aControlPlane, aProvisioningProject, request, type ControlPlane } from './control-plane.fixture.js';

let plane: ControlPlane;
let token: string;
beforeAll(async () => {
  plane = await aControlPlane();
  token = (await plane.operator('platform-admin')).token;
});
afterAll(async () => {
  await plane.stop();
});

describe('slugs', () => {
  test('free, taken, reserved and impossible ones are told apart', async () => {
    const { project } = await aProvisioningProject(plane);
    const look = async (slug: string) => (await plane.send('GET', `/slugs/${slug}`, { token })).body;
    expect(await look('quite-free')).toEqual({ available: true });
    expect(await look(project.slug)).toEqual({ available: false });
    expect(await look('www')).toEqual({ available: false, reason: 'is a reserved word' });
    expect(await look('Not%00One')).toMatchObject({ available: false });
  });

  test('thirty lookups a minute, for each caller', async () => {
    const [one, other] = [await plane.operator('auditor'), await plane.operator('auditor')];
    // The count starts anew with each minute, so the test stays within one. A timer may be early by a millisecond.
    if (Date.now() % 60_000 > 50_000) await new Promise((done) => setTimeout(done, 60_050 - (Date.now() % 60_000)));
    const statuses: number[] = [];
    for (let call = 0; call < 31; call++) {
      statuses.push((await plane.send('GET', '/slugs/some-name', { token: one.token })).status);
    }
    expect(statuses).toEqual([...Array<number>(30).fill(200), 429]);
    const refused = await plane.send('GET', '/slugs/some-name', { token: one.token });
    expect(refused.body.code).toBe('too-many-requests');
    const retryAfter = Number(refused.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThanOrEqual(1);
    expect(retryAfter).toBeLessThanOrEqual(60);
    expect((await plane.send('GET', '/slugs/some-name', { token: other.token })).status).toBe(200);
  });

  test('counters of past minutes are taken away', async () => {
    const windows = new RateWindowRepository(plane.dataSource);
    await windows.take('old', 1, new Date('2020-01-01T00:00:00Z'));
    await windows.deleteBefore(new Date('2020-01-02T00:00:00Z'));
    expect(await plane.dataSource.query(`SELECT 1 FROM rate_window WHERE subject = 'old'`)).toEqual([]);
  });
});

describe('errors', () => {
  const raw = (method: string, route: string, body: unknown, headers: Record<string, string> = {}) =>
    request(`${plane.url}${route}`, method, body, { authorization: `Bearer ${token}`, ...headers });
  const post = (body: string, headers: Record<string, string> = {}) =>
    raw('POST', '/control/v1/projects', body, headers);

  test.each([
    ['broken JSON', () => post('{"slug":'), 400, 'invalid-json'],
    ['JSON with a prototype', () => post('{"__proto__":{"admin":true}}'), 400, 'invalid-json'],
    ['an empty body', () => post('', { 'content-length': '0' }), 400, 'invalid-json'],
    ['a list', () => post('[]'), 400, 'validation'],
    ['null', () => post('null'), 400, 'validation'],
    ['a text', () => post('"x"'), 400, 'validation'],
    ['another type', () => post('slug=x', { 'content-type': 'text/plain' }), 415, 'unsupported-media-type'],
    [
      'a form',
      () => post('slug=x', { 'content-type': 'application/x-www-form-urlencoded' }),
      415,
      'unsupported-media-type',
    ],
    ['FHIR JSON', () => post('{}', { 'content-type': 'application/fhir+json' }), 415, 'unsupported-media-type'],
    ['a body over the limit', () => post(JSON.stringify({ name: 'x'.repeat(300_000) })), 413, 'body-too-large'],
    ['an unknown route', () => raw('GET', '/control/v1/nothing', undefined), 404, 'route-not-found'],
    ['an unknown method', () => raw('PUT', '/control/v1/projects', undefined), 404, 'route-not-found'],
    ['a route outside the API', () => raw('GET', '/favicon.ico', undefined), 404, 'route-not-found'],
    ['a login without fields', () => raw('POST', '/control/v1/auth/login', {}), 400, 'validation'],
    [
      'a login with objects',
      () => raw('POST', '/control/v1/auth/login', { email: { $ne: '' }, password: ['x'] }),
      400,
      'validation',
    ],
  ])('%s is a problem', async (_, send, status, code) => {
    const reply = await send();
    expect({ status: reply.status, code: reply.body.code }).toEqual({ status, code });
    expect(reply.headers.get('content-type')).toContain('application/problem+json');
    expect(reply.body).toMatchObject({
      type: 'about:blank',
      title: expect.any(String),
      status,
      detail: expect.any(String),
      requestId: reply.headers.get('x-request-id'),
    });
  });

  test('a member that may be left out may be null', async () => {
    const required = { name: 'Null Clinic', fhirVersion: 'R4' };
    for (const [index, absent] of ['owner', 'placement', 'labels'].entries()) {
      const reply = await post(JSON.stringify({ ...required, slug: `null-clinic-${index}`, [absent]: null }));
      expect({ absent, status: reply.status }).toEqual({ absent, status: 202 });
    }
    for (const name of ['slug', 'name', 'fhirVersion']) {
      const reply = await post(JSON.stringify({ ...required, slug: 'null-clinic', [name]: null }));
      expect(reply).toMatchObject({ status: 400, body: { code: 'validation', errors: [{ field: name }] } });
    }
  });

  test('a path that cannot be decoded is refused', async () => {
    expect((await raw('GET', '/control/v1/projects/%zz', undefined)).status).toBe(400);
  });

  test('a chunked body over the limit is refused too', async () => {
    const response = await fetch(`${plane.url}/control/v1/projects`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: new ReadableStream({
        pull(controller) {
          controller.enqueue(new TextEncoder().encode(' '.repeat(64 * 1024)));
        },
      }),
      duplex: 'half',
    }).catch((error: unknown) => error as Error);
    if (response instanceof Response) expect(response.status).toBe(413);
    expect((await plane.send('GET', '/capabilities')).status).toBe(200);
  });

  test('a deeply nested body does no harm', async () => {
    const reply = await post(`{"slug":"x","labels":${'{"a":'.repeat(3_000)}1${'}'.repeat(3_000)}}`);
    expect(reply.status).toBe(400);
    expect((await plane.send('GET', '/capabilities')).status).toBe(200);
  });

  test('what fails on our side is a 500 that tells nothing, with a request id for the log', async () => {
    const broken = await aControlPlane();
    await broken.dataSource.query('ALTER TABLE project RENAME TO project_away');
    const reply = await request(`${broken.url}/control/v1/projects`, 'GET', undefined, {
      authorization: `Bearer ${(await broken.operator('auditor')).token}`,
    });
    expect(reply.status).toBe(500);
    expect(reply.body.code).toBe('internal');
    expect(JSON.stringify(reply.body)).not.toMatch(/project_away|relation|SELECT|pg/);
    expect(broken.log()).toContain(reply.body.requestId);
    expect((await fetch(`${broken.url}/readyz`)).status).toBe(200);
    await broken.stop();
  });
});

interface SchemaProperty {
  items?: object;
  [member: string]: unknown;
}
type Schemas = Record<string, { properties: Record<string, SchemaProperty> }>;

describe('the API describes itself', () => {
  test('as OpenAPI 3.1, with every route, its errors, and examples', async () => {
    const { body } = await plane.send('GET', '/openapi.json', { token: null });
    expect(body.openapi).toBe('3.1.0');
    const routes = Object.entries<Record<string, unknown>>(body.paths).flatMap(([route, item]) =>
      Object.keys(item).map((method) => `${method} ${route}`),
    );
    expect(routes.sort()).toEqual([
      'delete /control/v1/api-keys/{id}',
      'delete /control/v1/projects/{idOrSlug}',
      'get /control/v1/api-keys',
      'get /control/v1/capabilities',
      'get /control/v1/clusters',
      'get /control/v1/clusters/{idOrName}',
      'get /control/v1/fleet/drift',
      'get /control/v1/fleet/versions',
      'get /control/v1/operations/{id}',
      'get /control/v1/operations/{id}/events',
      'get /control/v1/projects',
      'get /control/v1/projects/{idOrSlug}',
      'get /control/v1/projects/{idOrSlug}/keys',
      'get /control/v1/projects/{idOrSlug}/settings',
      'get /control/v1/rollouts',
      'get /control/v1/rollouts/{id}',
      'get /control/v1/rollouts/{id}/events',
      'get /control/v1/rollouts/{id}/projects',
      'get /control/v1/slugs/{slug}',
      'patch /control/v1/projects/{idOrSlug}',
      'patch /control/v1/projects/{idOrSlug}/settings',
      'post /control/v1/api-keys',
      'post /control/v1/auth/login',
      'post /control/v1/clusters',
      'post /control/v1/fleet/drift',
      'post /control/v1/operations/{id}/claim-secrets',
      'post /control/v1/operations/{id}/retry',
      'post /control/v1/projects',
      'post /control/v1/projects/{idOrSlug}/admin-client/rotate',
      'post /control/v1/projects/{idOrSlug}/keys/rotate',
      'post /control/v1/projects/{idOrSlug}/keys/{kid}/revoke',
      'post /control/v1/projects/{idOrSlug}/purge',
      'post /control/v1/projects/{idOrSlug}/rename',
      'post /control/v1/rollouts',
      'post /control/v1/rollouts/{id}/abort',
      'post /control/v1/rollouts/{id}/pause',
      'post /control/v1/rollouts/{id}/resume',
      'post /control/v1/rollouts/{id}/retry',
      'post /control/v1/rollouts/{id}/skip',
      'post /control/v1/rollouts/{id}/start',
    ]);
    const text = JSON.stringify(body);
    expect(text).not.toContain('"nullable"');
    const { schemas } = body.components;
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) expect(schemas).toHaveProperty(name!);
    for (const [name, schema] of Object.entries(schemas as Schemas)) {
      const bare = Object.entries(schema.properties)
        .filter(([, property]) => !hasExample(property))
        .map(([property]) => `${name}.${property}`);
      expect(bare.filter((each) => !mayLackExample.has(each))).toEqual([]);
    }
  });

  // What refers to another schema shows that one's examples.
  const hasExample = (property: SchemaProperty): boolean =>
    'example' in property ||
    'examples' in property ||
    '$ref' in property ||
    'allOf' in property ||
    'anyOf' in property ||
    'oneOf' in property ||
    '$ref' in (property.items ?? {});
  const mayLackExample = new Set(['DeletedProjectResponse.changed', 'CreatedProjectResponse.secretsClaimed']);

  test('and as pages that load nothing from elsewhere', async () => {
    for (const route of ['/', '/control/v1/docs']) {
      const response = await fetch(`${plane.url}${route}`);
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
      expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
      const html = await response.text();
      expect(html).not.toMatch(/(src|href)="(https?:)?\/\//);
      expect(html).not.toContain('<script');
    }
    const docs = await (await fetch(`${plane.url}/control/v1/docs`)).text();
    expect(docs).toContain('POST /control/v1/projects');
    expect(docs).toContain('<code>wait=N</code>');
    expect(docs).not.toContain('`');
  });

  test('and tells what it can do', async () => {
    const { body } = await plane.send('GET', '/capabilities');
    expect(body).toMatchObject({
      fhirVersions: [
        { id: '4.0.1', label: 'R4' },
        { id: '4.3.0', label: 'R4B' },
        { id: '5.0.0', label: 'R5' },
      ],
      baseDomain: 'localhost',
      pathRouting: true,
    });
  });
});

describe('housekeeping', () => {
  test('takes away what is over and leaves what is not', async () => {
    const { dataSource } = plane;
    const { operation } = await aProvisioningProject(plane);
    const { operation: other } = await aProvisioningProject(plane);
    const headers = { 'idempotency-key': 'kept' };
    await plane.send('POST', '/api-keys', { body: { name: 'x', role: 'auditor' }, headers });
    await plane.send('POST', '/api-keys', {
      body: { name: 'x', role: 'auditor' },
      headers: { 'idempotency-key': 'old' },
    });
    await dataSource.query(`UPDATE idempotency_key SET created_at = now() - interval '25 h' WHERE key = 'old'`);
    await dataSource.query(`UPDATE sealed_secret SET expires_at = now() - interval '1 s' WHERE operation_id = $1`, [
      operation.id,
    ]);
    await dataSource.query(
      `INSERT INTO login_throttle (subject, failures, last_failed_at)
       VALUES ('old', 9, now() - interval '1 h'), ('new', 9, now())`,
    );
    await dataSource.query(
      `INSERT INTO rate_window (subject, window_start, hits) VALUES ('old', now() - interval '2 h', 1), ('new', now(), 1)`,
    );
    const traffic = { requests: 1, serverErrors: 0, latency: [1] };
    const served = (minutesAgo: number) => ({
      projectId: randomUUID(),
      since: new Date(Date.now() - minutesAgo * 60_000),
      ...traffic,
    });
    const [recent, old] = [served(50), served(70)];
    await new ProjectTrafficRepository(dataSource).record('replica', [recent, old]);
    await dataSource.query(
      `WITH made AS (INSERT INTO rollout (id, target_version, state, plan, created_by)
         VALUES ('rol_runs', 1, 'running', '{}', 'test'), ('rol_over', 1, 'aborted', '{}', 'test') RETURNING id)
       SELECT FROM made`,
    );
    await dataSource.query(
      `INSERT INTO rollout_traffic (rollout_id, project_id, requests, server_errors, latency)
       SELECT id, $1, 1, 0, '{1}' FROM rollout WHERE id IN ('rol_runs', 'rol_over')`,
      [old.projectId],
    );
    const logger = pino({ level: 'silent' });
    await new Housekeeping(
      new SealedSecretRepository(dataSource),
      new IdempotencyRepository(dataSource),
      new LoginThrottleRepository(dataSource),
      new RateWindowRepository(dataSource),
      new ProjectTrafficRepository(dataSource),
      systemClock,
      logger,
    ).tidy();
    const left = async (statement: string) =>
      (await dataSource.query<{ name: string }[]>(statement)).map(({ name }) => name);
    expect(await left(`SELECT key AS name FROM idempotency_key WHERE key IN ('kept', 'old')`)).toEqual(['kept']);
    expect(await left(`SELECT subject AS name FROM login_throttle WHERE subject IN ('old', 'new')`)).toEqual(['new']);
    expect(await left(`SELECT subject AS name FROM rate_window WHERE subject IN ('old', 'new')`)).toEqual(['new']);
    expect(await left('SELECT project_id AS name FROM project_traffic')).toEqual([recent.projectId]);
    expect(await left('SELECT rollout_id AS name FROM rollout_traffic')).toEqual(['rol_runs']);
    const secrets = await left('SELECT operation_id AS name FROM sealed_secret');
    expect(secrets).toContain(other.id);
    expect(secrets).not.toContain(operation.id);
  });
});

describe('answers', () => {
  test('to a path that is no path are problems like all others', async () => {
    const response = await fetch(`${plane.url}/control/v1/projects/%zz`);
    expect(response.headers.get('content-type')).toContain('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 400, code: 'malformed-path' });
  });

  test('are kept by no cache', async () => {
    for (const { headers } of [await plane.send('GET', '/projects'), await plane.send('GET', '/nothing')]) {
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.get('x-content-type-options')).toBe('nosniff');
    }
  });
});

describe('health', () => {
  test('needs no login', async () => {
    for (const route of ['/healthz', '/readyz', '/metrics']) {
      expect((await fetch(`${plane.url}${route}`)).status).toBe(200);
    }
  });
});
