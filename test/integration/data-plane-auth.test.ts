import { generateKeyPairSync, randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { type Answer, aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';

let plane: TestPlane;
let north: TestProject;
let south: TestProject;

beforeAll(async () => {
  plane = await aDataPlane();
  [north, south] = [await plane.createProject('north'), await plane.createProject('south')];
});

afterAll(() => plane?.close());

const FORM = { 'content-type': 'application/x-www-form-urlencoded' };
const basic = (id: string, secret: string): string => `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`;

const ask = (
  project: TestProject,
  form: Record<string, string>,
  headers: Record<string, string> = {},
): Promise<Answer> =>
  plane.call({
    method: 'POST',
    path: `${project.path}oauth2/token`,
    headers: { ...FORM, ...headers },
    body: new URLSearchParams(form).toString(),
  });

const read = (project: TestProject, authorization?: string): Promise<Answer> =>
  plane.call({
    path: `${project.path}fhir/R4/Patient`,
    headers: authorization === undefined ? {} : { authorization },
  });

/** A client of the project that is no admin, made by its admin, with a secret of the admin's choice. */
async function aClient(project: TestProject, fields: object = {}): Promise<{ clientId: string; membershipId: string }> {
  const made = await plane.call({
    method: 'POST',
    path: `${project.path}admin/projects/${project.id}/client`,
    headers: {
      authorization: `Bearer ${await plane.token(project)}`,
      'content-type': 'application/fhir+json',
    },
    body: JSON.stringify({ name: 'Guest', ...fields }),
  });
  expect(made.status).toBe(201);
  const clientId = made.json.id;
  const client = await plane.fhir(project, `ClientApplication/${clientId}`, {
    method: 'PUT',
    body: JSON.stringify({
      resourceType: 'ClientApplication',
      id: clientId,
      name: 'Guest',
      status: 'active',
      secret: 'guest-secret',
    }),
  });
  expect([client.status, client.text.includes('guest-secret')]).toEqual([200, false]);
  const memberships = await plane.fhir(project, `ProjectMembership?user=ClientApplication/${clientId}`);
  const membershipId = memberships.json.entry[0]?.resource.id ?? '';
  expect(membershipId).not.toBe('');
  return { clientId, membershipId };
}

async function guestToken(project: TestProject, clientId: string): Promise<string> {
  const answer = await ask(project, {
    grant_type: 'client_credentials',
    client_id: clientId,
    client_secret: 'guest-secret',
  });
  expect(answer.status).toBe(200);
  return `Bearer ${answer.json.access_token}`;
}

describe('the token endpoint', () => {
  test.each([
    [
      'in the form',
      (p: TestProject) =>
        ask(p, { grant_type: 'client_credentials', client_id: p.clientId, client_secret: p.clientSecret }),
    ],
    [
      'by HTTP Basic',
      (p: TestProject) =>
        ask(
          p,
          { grant_type: 'client_credentials', client_id: '' },
          { authorization: basic(p.clientId, p.clientSecret) },
        ),
    ],
  ])('gives a client that sends its secret %s what MedplumClient needs', async (_name, send) => {
    const answer = await send(north);
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    expect(answer.json).toMatchObject({
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'openid',
      project: { reference: `Project/${north.id}`, display: 'Project north' },
      profile: { reference: `ClientApplication/${north.clientId}`, display: 'Admin client' },
    });
    const token = jwt.decode(answer.json.access_token, { complete: true });
    expect(token?.header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: north.kid });
    const claims = token?.payload as jwt.JwtPayload;
    expect(claims).toMatchObject({
      aud: north.id,
      sub: north.clientId,
      client_id: north.clientId,
      scope: 'openid',
      profile: `ClientApplication/${north.clientId}`,
    });
    expect(claims.iss).toBe(`http://north.fhir.test:${new URL(plane.url).port}/`);
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(3600);
    expect(typeof claims['login_id']).toBe('string');
  });

  test.each<[string, Record<string, string>, Record<string, string>, number, string]>([
    ['a wrong secret', { client_secret: 'wrong' }, {}, 400, 'invalid_client'],
    ['an unknown client', { client_id: randomUUID() }, {}, 400, 'invalid_client'],
    ['a client id of no form', { client_id: "x'y,z" }, {}, 400, 'invalid_client'],
    ['no secret', { client_secret: '' }, {}, 400, 'invalid_request'],
    ['a password grant', { grant_type: 'password' }, {}, 400, 'unsupported_grant_type'],
    ['no grant', { grant_type: '' }, {}, 400, 'unsupported_grant_type'],
    ['a malformed scope', { scope: 'openid "all"' }, {}, 400, 'invalid_scope'],
    ['a secret in the form and by Basic', {}, { authorization: basic('x', 'y') }, 400, 'invalid_request'],
    ['JSON', {}, { 'content-type': 'application/json' }, 400, 'invalid_request'],
    [
      'wrong Basic credentials',
      { client_id: '', client_secret: '' },
      { authorization: basic('x', 'y') },
      401,
      'invalid_client',
    ],
  ])('refuses %s', async (_name, form, headers, status, error) => {
    const right = { grant_type: 'client_credentials', client_id: south.clientId, client_secret: south.clientSecret };
    const answer = await ask(south, { ...right, ...form }, headers);
    expect([answer.status, answer.json.error, typeof answer.json.error_description]).toEqual([status, error, 'string']);
    expect(answer.headers['www-authenticate'] !== undefined).toBe(status === 401);
  });

  test('refuses a repeated parameter', async () => {
    const answer = await plane.call({
      method: 'POST',
      path: `${north.path}oauth2/token`,
      headers: FORM,
      body: 'grant_type=client_credentials&client_id=a&client_id=b&client_secret=c',
    });
    expect(answer.json.error).toBe('invalid_request');
  });

  test('says the same of an unknown client and of a wrong secret', async () => {
    const wrong = await ask(north, { grant_type: 'client_credentials', client_id: north.clientId, client_secret: 'x' });
    const unknown = await ask(north, { grant_type: 'client_credentials', client_id: randomUUID(), client_secret: 'x' });
    expect(wrong.text).toBe(unknown.text);
  });

  test('slows down who guesses, for that client only', async () => {
    const { clientId } = await aClient(south);
    const guess = () => ask(south, { grant_type: 'client_credentials', client_id: clientId, client_secret: 'wrong' });
    const statuses: number[] = [];
    for (let index = 0; index < 6; index++) statuses.push((await guess()).status);
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
    const held = await guess();
    expect(Number(held.headers['retry-after'])).toBeGreaterThan(0);
    expect(held.headers['ratelimit']).toMatch(/^"too-many-logins";r=0;t=\d+$/);
    expect((await plane.token(south, true)).length).toBeGreaterThan(100);
  });
});

const withoutExpiry = ({ exp: _exp, ...claims }: jwt.JwtPayload): jwt.JwtPayload => claims;

describe('a bearer token', () => {
  test('is refused at another project, and its client is unknown there', async () => {
    const token = `Bearer ${await plane.token(north)}`;
    expect((await read(north, token)).status).toBe(200);
    const foreign = await read(south, token);
    expect([foreign.status, foreign.json.id, foreign.json.issue[0]?.code]).toEqual([401, 'unauthorized', 'login']);
    expect(foreign.headers['www-authenticate']).toContain('Bearer');
    expect((await read(south, basic(north.clientId, north.clientSecret))).status).toBe(401);
  });

  test('whose key another project uses as well is refused by its audience', async () => {
    const claims = jwt.decode(await plane.token(south)) as jwt.JwtPayload;
    const forged = jwt.sign(claims, north.privateKey, {
      algorithm: 'ES256',
      keyid: north.kid,
      header: { alg: 'ES256', typ: 'at+jwt' },
    });
    expect((await read(north, `Bearer ${forged}`)).status).toBe(401);
  });

  describe('made by hand', () => {
    let claims: jwt.JwtPayload;

    beforeAll(async () => {
      claims = jwt.decode(await plane.token(north)) as jwt.JwtPayload;
    });

    const signed = (change: object = {}, options: jwt.SignOptions = {}, key: jwt.Secret = north.privateKey): string =>
      `Bearer ${jwt.sign({ ...claims, ...change }, key, {
        algorithm: 'ES256',
        keyid: north.kid,
        ...options,
        header: { alg: 'ES256', typ: 'at+jwt', ...options.header },
      })}`;

    test('with the right key and claims is good', async () => {
      expect((await read(north, signed())).status).toBe(200);
    });

    test.each<[string, () => string | Promise<string>]>([
      [
        'alg none',
        () =>
          `Bearer ${jwt.sign(claims, '', { algorithm: 'none', keyid: north.kid, header: { alg: 'none', typ: 'at+jwt' } })}`,
      ],
      ['HS256 with the public key', () => signed({}, { algorithm: 'HS256', header: { alg: 'HS256' } }, 'guess')],
      ['another key', () => signed({}, {}, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey)],
      ['an unknown key id', () => signed({}, { keyid: 'other' })],
      [
        'no key id',
        () =>
          `Bearer ${jwt.sign(claims, north.privateKey, { algorithm: 'ES256', header: { alg: 'ES256', typ: 'at+jwt' } })}`,
      ],
      ['another type', () => signed({}, { header: { alg: 'ES256', typ: 'JWT' } })],
      ['an expiry in the past', () => signed({ exp: Math.floor(Date.now() / 1000) - 1 })],
      [
        'no expiry',
        () =>
          `Bearer ${jwt.sign(withoutExpiry(claims), north.privateKey, { algorithm: 'ES256', keyid: north.kid, header: { alg: 'ES256', typ: 'at+jwt' } })}`,
      ],
      ['another audience', () => signed({ aud: south.id })],
      ['several audiences', () => signed({ aud: [north.id, south.id] })],
      ['another issuer', () => signed({ iss: 'http://south.fhir.test/' })],
      ['an issuer that starts like ours', () => signed({ iss: 'http://north.fhir.test.evil.org/' })],
      ['no login', () => signed({ login_id: undefined })],
      ['an unknown login', () => signed({ login_id: randomUUID() })],
      ['another membership', () => signed({ membership: randomUUID() })],
      ['another client', () => signed({ client_id: south.clientId })],
      [
        'a changed payload',
        async () => {
          const [header, , signature] = (await plane.token(north)).split('.');
          const changed = Buffer.from(JSON.stringify({ ...claims, exp: 9_999_999_999 })).toString('base64url');
          return `Bearer ${header}.${changed}.${signature}`;
        },
      ],
      ['nothing behind Bearer', () => 'Bearer '],
      ['nonsense', () => 'Bearer nonsense'],
      ['another scheme', () => 'Digest abc'],
      ['Basic nonsense', () => 'Basic !!!'],
      [
        'an ID token',
        async () => {
          const answer = await ask(north, {
            grant_type: 'client_credentials',
            client_id: north.clientId,
            client_secret: north.clientSecret,
          });
          return `Bearer ${answer.json.id_token}`;
        },
      ],
    ])('with %s is refused', async (_name, make) => {
      const answer = await read(north, await make());
      expect([answer.status, answer.json.id]).toEqual([401, 'unauthorized']);
    });

    test('is good until its expiry and not a moment longer', async () => {
      const exp = Math.floor(Date.now() / 1000) + 2;
      const token = signed({ exp });
      const before: number[] = [];
      // What is asked before the end and answered behind it may be either.
      for (;;) {
        const asked = Date.now();
        const { status } = await read(north, token);
        if (Date.now() < exp * 1000) before.push(status);
        else if (asked >= exp * 1000) {
          expect(status).toBe(401);
          break;
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(before).toEqual(before.map(() => 200));
    });
  });

  test('is needed on every route that is not declared public', async () => {
    const open = ['fhir/R4/metadata', '.well-known/jwks.json', 'healthcheck'];
    for (const path of open) expect((await plane.call({ path: `${north.path}${path}` })).status).toBe(200);
    const closed: [string, string][] = [
      ['GET', 'auth/me'],
      ['POST', 'oauth2/logout'],
      ['POST', 'fhir/R4'],
      ['GET', 'fhir/R4/Patient'],
      ['POST', 'fhir/R4/Patient'],
      ['PUT', 'fhir/R4/Patient'],
      ['POST', 'fhir/R4/Patient/_search'],
      ['GET', 'fhir/R4/Patient/x'],
      ['PUT', 'fhir/R4/Patient/x'],
      ['PATCH', 'fhir/R4/Patient/x'],
      ['DELETE', 'fhir/R4/Patient/x'],
      ['GET', 'fhir/R4/Patient/x/_history'],
      ['GET', 'fhir/R4/Patient/x/_history/1'],
      ['GET', 'fhir/R4/Patient/$everything'],
    ];
    for (const [method, path] of closed) {
      expect([path, (await plane.call({ method, path: `${north.path}${path}` })).status]).toEqual([path, 401]);
    }
  });
});

describe('HTTP Basic on the FHIR API', () => {
  test('works with the client id and secret, and with nothing else', async () => {
    expect((await read(north, basic(north.clientId, north.clientSecret))).status).toBe(200);
    expect((await read(north, basic(north.clientId, `${north.clientSecret}x`))).status).toBe(401);
  });

  test('stops with the old secret when the secret is changed', async () => {
    const { clientId } = await aClient(north);
    const authorization = basic(clientId, 'guest-secret');
    expect((await read(north, authorization)).status).toBe(200);
    const changed = await plane.fhir(north, `ClientApplication/${clientId}`, {
      method: 'PUT',
      body: JSON.stringify({
        resourceType: 'ClientApplication',
        id: clientId,
        name: 'Guest',
        secret: 'another-secret',
      }),
    });
    expect(changed.status).toBe(200);
    expect((await read(north, authorization)).status).toBe(401);
    expect((await read(north, basic(clientId, 'another-secret'))).status).toBe(200);
  });
});

describe('rights that change act on the very next request', () => {
  const change = async (path: string, edit: (resource: Record<string, unknown>) => void): Promise<void> => {
    const resource = JSON.parse((await plane.fhir(north, path)).text) as Record<string, unknown>;
    edit(resource);
    const answer = await plane.fhir(north, path, { method: 'PUT', body: JSON.stringify(resource) });
    expect(answer.status).toBe(200);
  };

  test('an inactive membership', async () => {
    const { clientId, membershipId } = await aClient(north);
    const token = await guestToken(north, clientId);
    expect((await read(north, token)).status).toBe(200);
    await change(`ProjectMembership/${membershipId}`, (membership) => (membership['active'] = false));
    expect((await read(north, token)).status).toBe(401);
    await change(`ProjectMembership/${membershipId}`, (membership) => (membership['active'] = true));
    expect((await read(north, token)).status).toBe(200);
  });

  test('a deleted membership', async () => {
    const { clientId, membershipId } = await aClient(north);
    const token = await guestToken(north, clientId);
    expect((await read(north, token)).status).toBe(200);
    await plane.fhir(north, `ProjectMembership/${membershipId}`, { method: 'DELETE' });
    expect((await read(north, token)).status).toBe(401);
    const again = await ask(north, {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: 'guest-secret',
    });
    expect(again.json.error).toBe('invalid_client');
  });

  test('a client that is switched off', async () => {
    const { clientId } = await aClient(north);
    const token = await guestToken(north, clientId);
    expect((await read(north, token)).status).toBe(200);
    await change(`ClientApplication/${clientId}`, (client) => (client['status'] = 'off'));
    expect((await read(north, token)).status).toBe(401);
  });

  test('a log-out, which ends that log-in and no other', async () => {
    const { clientId } = await aClient(north);
    const [first, second] = [await guestToken(north, clientId), await guestToken(north, clientId)];
    expect((await read(north, first)).status).toBe(200);
    const path = `${north.path}oauth2/logout`;
    expect((await plane.call({ method: 'HEAD', path, headers: { authorization: first } })).status).toBe(200);
    expect((await read(north, first)).status).toBe(200);
    const logout = await plane.call({
      method: 'POST',
      path: `${north.path}oauth2/logout`,
      headers: { authorization: first, 'content-type': 'application/fhir+json' },
      body: '{}',
    });
    expect(logout.status).toBe(200);
    expect((await read(north, first)).status).toBe(401);
    expect((await read(north, second)).status).toBe(200);
  });

  test('a change for somebody else goes unnoticed', async () => {
    const { clientId } = await aClient(north);
    const token = await guestToken(north, clientId);
    const { membershipId } = await aClient(north);
    await change(`ProjectMembership/${membershipId}`, (membership) => (membership['admin'] = true));
    expect((await read(north, token)).status).toBe(200);
  });

  test('a policy that is changed', async () => {
    const policy = await plane.fhir(north, 'AccessPolicy', {
      method: 'POST',
      body: JSON.stringify({ resourceType: 'AccessPolicy', resource: [{ resourceType: 'Patient' }] }),
    });
    const { clientId } = await aClient(north, { accessPolicy: { reference: `AccessPolicy/${policy.json.id}` } });
    const token = await guestToken(north, clientId);
    expect((await read(north, token)).status).toBe(200);
    await change(
      `AccessPolicy/${policy.json.id}`,
      (resource) => (resource['resource'] = [{ resourceType: 'Practitioner' }]),
    );
    const answer = await read(north, token);
    expect([answer.status, answer.json.id]).toEqual([403, 'forbidden']);
  });

  test('a SMART scope limits what a client may do', async () => {
    const { clientId } = await aClient(north);
    const answer = await ask(north, {
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: 'guest-secret',
      scope: 'system/Observation.rs',
    });
    const token = `Bearer ${answer.json.access_token}`;
    expect((await read(north, token)).status).toBe(403);
  });

  test('a member who is no admin writes no rights', async () => {
    const { clientId, membershipId } = await aClient(north);
    const token = await guestToken(north, clientId);
    const raise = await plane.call({
      method: 'PUT',
      path: `${north.path}fhir/R4/ProjectMembership/${membershipId}`,
      headers: { authorization: token, 'content-type': 'application/fhir+json' },
      body: JSON.stringify({ resourceType: 'ProjectMembership', id: membershipId, admin: true }),
    });
    expect(raise.status).toBe(403);
  });
});

test('a revoked signing key soon ends its tokens', async () => {
  const project = await plane.createProject('rotating');
  const token = `Bearer ${await plane.token(project)}`;
  expect((await read(project, token)).status).toBe(200);
  await plane.dataSource.query(`UPDATE signing_key SET state = 'revoked' WHERE project_id = $1`, [project.id]);
  const deadline = Date.now() + 30_000;
  let status = 200;
  while (status === 200 && Date.now() < deadline) ({ status } = await read(project, token));
  expect(status).toBe(401);
});

describe('auth/me', () => {
  test('tells a client who it is', async () => {
    const answer = await plane.call({
      path: `${north.path}auth/me`,
      headers: { authorization: `Bearer ${await plane.token(north)}` },
    });
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({
      project: { resourceType: 'Project', id: north.id, name: 'Project north' },
      membership: {
        resourceType: 'ProjectMembership',
        admin: true,
        user: { reference: `ClientApplication/${north.clientId}` },
      },
      profile: { resourceType: 'ClientApplication', id: north.clientId, name: 'Admin client' },
      config: { resourceType: 'UserConfiguration' },
      accessPolicy: { resourceType: 'AccessPolicy' },
    });
    expect(answer.text).not.toContain(north.clientSecret);
  });
});

describe('what a project publishes', () => {
  const document = async (path: string): Promise<Record<string, unknown>> =>
    JSON.parse((await plane.call({ path: `${north.path}${path}` })).text) as Record<string, unknown>;

  test('its public keys, with which its tokens can be verified', async () => {
    const { keys } = (await document('.well-known/jwks.json')) as { keys: Record<string, unknown>[] };
    expect(keys).toEqual([
      {
        kty: 'EC',
        crv: 'P-256',
        x: expect.any(String),
        y: expect.any(String),
        kid: north.kid,
        use: 'sig',
        alg: 'ES256',
      },
    ]);
  });

  test('its endpoints, on the address by which it was asked', async () => {
    const openid = await document('.well-known/openid-configuration');
    expect(openid).toMatchObject({
      issuer: `http://north.fhir.test:${new URL(plane.url).port}/`,
      token_endpoint: `${plane.url}/p/north/oauth2/token`,
      jwks_uri: `${plane.url}/p/north/.well-known/jwks.json`,
      id_token_signing_alg_values_supported: ['ES256'],
    });
    expect(await document('.well-known/oauth-authorization-server')).toMatchObject({
      grant_types_supported: ['authorization_code', 'refresh_token', 'client_credentials'],
      token_endpoint_auth_methods_supported: expect.arrayContaining(['private_key_jwt']),
    });
    const smart = await document('.well-known/smart-configuration');
    expect(smart).toMatchObject({
      capabilities: expect.arrayContaining(['client-public', 'client-confidential-asymmetric', 'permission-v2']),
      code_challenge_methods_supported: ['S256'],
    });
    expect(await document('.well-known/oauth-protected-resource')).toMatchObject({
      resource: `${plane.url}/p/north/fhir/`,
    });
    expect(await document('fhir/R4/.well-known/smart-configuration')).toEqual(smart);
  });
});
