import { type Answer, aDataPlane, type Call, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let quay: TestProject;
let pier: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  [quay, pier] = [await plane.createProject('quay'), await plane.createProject('pier')];
});

afterAll(() => plane?.close());

/** Which project answered: the slug that its metadata's CapabilityStatement stands on, by its key set. */
async function whoAnswers(call: Omit<Call, 'path'> & { path?: string }): Promise<string> {
  const answer = await plane.call({ ...call, path: `${call.path ?? ''}/.well-known/jwks.json` });
  if (answer.status !== 200) return `${answer.status} ${answer.json.id}`;
  const kid = answer.json.keys[0]?.kid as string;
  return kid === quay.kid ? 'quay' : kid === pier.kid ? 'pier' : 'neither';
}

/** Asks until `done`, for half a minute: a change has reached every data plane within two seconds, where nothing else is busy. */
async function soon(ask: () => Promise<Answer>, done: (answer: Answer) => boolean): Promise<Answer> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const answer = await ask();
    if (done(answer) || Date.now() > deadline) return answer;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

describe('the tenant of a request', () => {
  test.each<[string, Omit<Call, 'path'> & { path?: string }, string]>([
    ['its host', { host: 'quay.fhir.test' }, 'quay'],
    ['its host with a port', { host: 'pier.fhir.test:4100' }, 'pier'],
    ['its host in capitals and with a dot', { host: 'QUAY.Fhir.Test.' }, 'quay'],
    ['its path', { path: '/p/quay' }, 'quay'],
    ['its path on the base domain', { path: '/p/pier', host: 'fhir.test' }, 'pier'],
    ['its path on a service name', { path: '/p/pier', host: 'data-plane:4100' }, 'pier'],
    ['the header X-Project', { headers: { 'x-project': 'pier' } }, 'pier'],
    ['host and path that agree', { host: 'quay.fhir.test', path: '/p/quay' }, 'quay'],
    ['path and header that agree', { path: '/p/quay', headers: { 'x-project': 'quay' } }, 'quay'],
    ['nothing', {}, '404 not-found'],
    ['an unknown host', { host: 'nobody.fhir.test' }, '404 not-found'],
    ['an unknown domain', { host: 'example.org' }, '404 not-found'],
    ['an unknown domain with a known path', { host: 'example.org', path: '/p/quay' }, '404 not-found'],
    ['a host below a project', { host: 'a.quay.fhir.test' }, '404 not-found'],
    ['an unknown path', { path: '/p/nobody' }, '404 not-found'],
    ['a path in capitals', { path: '/p/Quay' }, '404 not-found'],
    ['an unknown header', { headers: { 'x-project': 'nobody' } }, '404 not-found'],
    ['host and path that differ', { host: 'quay.fhir.test', path: '/p/pier' }, '400 ambiguous-project'],
    ['host and an unknown path', { host: 'quay.fhir.test', path: '/p/nobody' }, '400 ambiguous-project'],
    [
      'host and header that differ',
      { host: 'quay.fhir.test', headers: { 'x-project': 'pier' } },
      '400 ambiguous-project',
    ],
    ['path and header that differ', { path: '/p/quay', headers: { 'x-project': 'pier' } }, '400 ambiguous-project'],
    ['path and an unknown header', { path: '/p/quay', headers: { 'x-project': 'nobody' } }, '400 ambiguous-project'],
  ])('is decided by %s', async (_name, call, expected) => {
    expect(await whoAnswers(call)).toBe(expected);
  });

  test('can be named by its id in the header', async () => {
    expect(await whoAnswers({ headers: { 'x-project': pier.id } })).toBe('pier');
    expect(await whoAnswers({ path: '/p/quay', headers: { 'x-project': quay.id } })).toBe('quay');
  });

  test('is not told to strangers: unknown addresses all answer alike', async () => {
    const unknown = await plane.call({ path: '/fhir/R4/Patient', host: 'nobody.fhir.test' });
    const none = await plane.call({ path: '/fhir/R4/Patient' });
    expect(unknown.text).toBe(none.text);
    expect(unknown.text).not.toMatch(/project|quay|pier/i);
  });
});

describe('links stand on the address by which the request came', () => {
  const implementationUrl = async (call: Call): Promise<string> => (await plane.call(call)).json.implementation.url;

  test('host, path and header', async () => {
    expect(await implementationUrl({ path: '/fhir/metadata', host: 'quay.fhir.test:81' })).toBe(
      'http://quay.fhir.test:81/fhir',
    );
    expect(await implementationUrl({ path: '/p/quay/fhir/R4/metadata' })).toBe(`${plane.url}/p/quay/fhir/R4`);
    expect(await implementationUrl({ path: '/fhir/R4/metadata', headers: { 'x-project': 'quay' } })).toBe(
      `${plane.url}/fhir/R4`,
    );
  });

  test('forwarded headers count for nothing unless a proxy is trusted', async () => {
    const forwarded = { 'x-forwarded-host': 'pier.fhir.test', 'x-forwarded-proto': 'https' };
    expect(await implementationUrl({ path: '/fhir/metadata', host: 'quay.fhir.test', headers: forwarded })).toBe(
      'http://quay.fhir.test/fhir',
    );
  });
});

describe('the FHIR version of a path', () => {
  test.each(['R5', 'R4B', 'STU3'])(
    '%s is unknown at an R4 project, and the answer says what is right',
    async (label) => {
      const answer = await plane.call({ path: `/p/quay/fhir/${label}/Patient` });
      expect([answer.status, answer.json.issue[0]?.details.text]).toEqual([
        404,
        expect.stringContaining('R4 (4.0.1)') as unknown,
      ]);
    },
  );
});

describe('the state of a project', () => {
  const ask = () => plane.call({ path: '/p/pier/healthcheck' });

  afterAll(() => plane.projects.setState(pier.id, 'active', { fence: pier.fence }));

  test.each([
    ['suspended', 403, 'project-suspended', undefined],
    ['stopped', 503, 'project-stopped', undefined],
    ['maintenance', 503, 'project-maintenance', '30'],
    ['failed', 503, 'project-failed', undefined],
    ['provisioning', 503, 'project-not-ready', '5'],
    ['archived', 410, 'project-archived', undefined],
    ['deleting', 410, 'project-deleting', undefined],
  ] as const)('%s is answered %i %s on every route', async (state, status, id, retryAfter) => {
    await plane.projects.setState(pier.id, state, { fence: pier.fence });
    const answer = await soon(ask, (given) => given.status !== 200 && given.json.id === id);
    expect([answer.status, answer.json.id, answer.headers['retry-after']]).toEqual([status, id, retryAfter]);
    expect(answer.text).not.toContain('pier');
    const token = await plane.call({
      method: 'POST',
      path: '/p/pier/oauth2/token',
      body: 'grant_type=client_credentials',
    });
    expect(token.status).toBe(status);
  });

  test('maintenance that is read-only answers reads and puts off writes', async () => {
    await plane.projects.setState(pier.id, 'active', { fence: pier.fence });
    await soon(ask, (given) => given.status === 200);
    await plane.token(pier);
    await plane.projects.setState(pier.id, 'maintenance', { fence: pier.fence, maintenanceMode: 'read-only' });
    const write = () => plane.fhir(pier, 'Patient', { method: 'POST', body: '{"resourceType":"Patient"}' });
    const refused = await soon(write, (given) => given.status === 503);
    expect([refused.status, refused.json.id, refused.headers['retry-after']]).toEqual([503, 'project-read-only', '30']);
    const search = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: '_count=1',
    };
    const reads = [
      await plane.fhir(pier, 'Patient'),
      await plane.fhir(pier, 'Patient/_search', search),
      await plane.fhir(pier, 'metadata'),
    ];
    expect(reads.map(({ status }) => status)).toEqual([200, 200, 200]);
    const login = await plane.call({ method: 'POST', path: '/p/pier/oauth2/token', body: 'grant_type=x' });
    expect([login.status, login.json.id]).toEqual([503, 'project-read-only']);

    await plane.projects.setState(pier.id, 'maintenance', { fence: pier.fence, maintenanceMode: 'offline' });
    const offline = await soon(ask, (given) => given.status !== 200);
    expect([offline.status, offline.json.id]).toEqual([503, 'project-maintenance']);
  });

  test('active serves again, with a token from before', async () => {
    await plane.projects.setState(pier.id, 'active', { fence: pier.fence });
    await soon(ask, (given) => given.status === 200);
    const answer = await plane.fhir(pier, 'Patient');
    expect(answer.status).toBe(200);
  });

  test('deleted is like a project that never was', async () => {
    const gone = await plane.createProject('gone');
    await plane.projects.markDeleted(gone.id, { fence: gone.fence, namesFreeAfter: new Date(Date.now() + 1_000_000) });
    const answer = await soon(
      () => plane.call({ path: '/p/gone/healthcheck' }),
      (given) => given.status === 404,
    );
    expect(answer.text).toBe((await plane.call({ path: '/p/nobody/healthcheck' })).text);
  });
});

test('a project serves from the moment on that it is active', async () => {
  const fresh = await plane.createProject('fresh');
  expect((await plane.call({ path: '/healthcheck', host: 'fresh.fhir.test' })).status).toBe(200);
  expect((await plane.fhir(fresh, 'Patient')).status).toBe(200);
});

describe('CORS', () => {
  const origin = 'https://app.example.org';

  test('a preflight is answered 204 with what was asked, without routing or authentication', async () => {
    const answer = await plane.call({
      method: 'OPTIONS',
      path: '/p/quay/fhir/R4/Patient',
      headers: {
        origin,
        'access-control-request-method': 'PUT',
        'access-control-request-headers': 'authorization, content-type, x-medplum',
      },
    });
    expect([answer.status, answer.text]).toEqual([204, '']);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-allow-methods': 'GET,HEAD,PUT,PATCH,POST,DELETE',
      'access-control-allow-headers': 'authorization, content-type, x-medplum',
    });
  });

  test.each([
    ['a result', { path: '/p/quay/fhir/R4/metadata' }, 200],
    ['a missing token', { path: '/p/quay/fhir/R4/Patient' }, 401],
    ['an unknown project', { path: '/p/nobody/fhir/R4/Patient' }, 404],
    ['an unknown route', { path: '/p/quay/nothing' }, 404],
    ['a malformed address', { path: '/p/quay/%E0%A4' }, 400],
  ])('%s can be read by the page that asked', async (_name, call, status) => {
    const answer = await plane.call({ ...call, headers: { origin } });
    expect(answer.status).toBe(status);
    expect(answer.headers).toMatchObject({
      'access-control-allow-origin': origin,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers':
        'Content-Location, ETag, Last-Modified, Location, Expires, Retry-After, X-Progress',
      vary: expect.stringContaining('Origin') as unknown,
    });
  });

  test('nobody who is no page is told about it', async () => {
    const answer = await plane.call({ path: '/p/quay/healthcheck' });
    expect(Object.keys(answer.headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
  });
});

describe('health', () => {
  test('is answered before any routing', async () => {
    for (const host of ['nobody.fhir.test', 'quay.fhir.test']) {
      expect((await plane.call({ path: '/healthz', host })).status).toBe(200);
      expect((await plane.call({ path: '/readyz', host })).status).toBe(200);
    }
  });

  test('metrics count requests by route pattern, and connections', async () => {
    await plane.fhir(quay, 'Patient/unknown');
    const { text } = await plane.call({ path: '/metrics' });
    expect(text).toMatch(
      /http_request_duration_seconds_count\{method="GET",route="\/fhir\/:type\/:id",status="4xx"\} [1-9]/,
    );
    expect(text).toMatch(/^tenant_directory_projects [3-9]/m);
    expect(text).toMatch(/^tenant_connections_open [1-9]/m);
    expect(text).not.toContain('quay');
  });
});

test('a flood of unknown hosts costs at most one control query a second', async () => {
  const flood = async (count: number): Promise<void> => {
    await Promise.all(
      Array.from({ length: 16 }, async (_, lane) => {
        for (let index = lane; index < count; index += 16) {
          const answer = await plane.call({ path: '/fhir/R4/Patient', host: `h${index}.fhir.test` });
          expect(answer.status).toBe(404);
        }
      }),
    );
  };
  const before = plane.controlMessages();
  const started = Date.now();
  await flood(8_000);
  const seconds = (Date.now() - started) / 1000;
  // The listening connection says that it lives every ten seconds; shares of connections are taken, and what the tests
  // before have asked for is written down, every five.
  const upkeep = Math.ceil(seconds / 10) + 2 * Math.ceil(seconds / 5);
  expect(plane.controlMessages() - before).toBeLessThanOrEqual(Math.ceil(seconds) + 1 + upkeep);
});
