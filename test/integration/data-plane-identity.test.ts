/** Who somebody is and may log in as: auth/me, userinfo, introspection, keys of clients and of projects. */
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import jwt from 'jsonwebtoken';
import { seal } from '#platform';
import { signingKeyContext } from '#tenancy';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { IdentityClient, jsonOf, until, type Person, type Tokens } from './identity.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;
let ana: Person;

beforeAll(async () => {
  plane = await aDataPlane();
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
  ana = await app.invite({ firstName: 'Ana', lastName: 'Quay' });
});

afterAll(async () => {
  await plane?.close();
});

describe('auth/tenants', () => {
  test('lists the organizations that the membership allows, and the active one is left out unless it is one of them', async () => {
    const [a, b, c] = [
      await app.create({ resourceType: 'Organization', name: 'Anchor' }),
      await app.create({ resourceType: 'Organization', name: 'Bay' }),
      await app.create({ resourceType: 'Organization', name: 'Cove' }),
    ];
    const policy = await app.create({
      resourceType: 'AccessPolicy',
      name: 'By organization',
      resource: [
        { resourceType: 'Patient', criteria: 'Patient?_compartment=%organization' },
        { resourceType: 'UserConfiguration' },
      ],
    });
    const configuration = await app.create({ resourceType: 'UserConfiguration', name: 'Mine' });
    const parameter = (id: string) => ({ name: 'organization', valueReference: { reference: `Organization/${id}` } });
    const ola = await app.invite({
      membership: {
        access: [{ policy: { reference: `AccessPolicy/${policy.id}` }, parameter: [parameter(a.id), parameter(b.id)] }],
        userConfiguration: { reference: `UserConfiguration/${configuration.id}` },
      },
    });
    const { access_token: token } = await app.tokens(ola);
    expect(jsonOf(await app.get('auth/tenants', token))).toEqual([
      { reference: `Organization/${a.id}`, display: 'Anchor' },
      { reference: `Organization/${b.id}`, display: 'Bay' },
    ]);
    expect(jsonOf(await app.get('auth/tenants', (await app.tokens(ana)).access_token))).toEqual([]);

    const shown = async (): Promise<string | undefined> => {
      const me = jsonOf<{ config: { option?: { valueReference?: { reference: string } }[] } }>(
        await app.get('auth/me', token),
      );
      return me.config.option?.[0]?.valueReference?.reference;
    };
    for (const [id, expected] of [
      [b.id, `Organization/${b.id}`],
      [c.id, undefined],
    ] as const) {
      const saved = await plane.call({
        method: 'PUT',
        path: `${north.path}fhir/R4/UserConfiguration/${configuration.id}`,
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/fhir+json' },
        body: JSON.stringify({
          resourceType: 'UserConfiguration',
          id: configuration.id,
          name: 'Mine',
          option: [{ id: 'activeTenant', valueReference: { reference: `Organization/${id}` } }],
        }),
      });
      expect(saved.status).toBe(200);
      expect(await shown()).toBe(expected);
    }
  });
});

describe('auth/me of a person', () => {
  test('has the whole profile, a menu and the effective policy, and no secret', async () => {
    const { access_token: token } = await app.tokens(ana);
    const answer = await app.get('auth/me', token);
    const me = jsonOf<Record<string, Record<string, unknown>>>(answer);
    expect(me['profile']).toMatchObject({ resourceType: 'Practitioner', name: [{ given: ['Ana'], family: 'Quay' }] });
    expect(me['project']).toMatchObject({ resourceType: 'Project', id: north.id, superAdmin: false });
    expect(me['membership']).toMatchObject({ id: ana.membershipId, admin: false });
    expect(me['config']).toMatchObject({ resourceType: 'UserConfiguration', menu: [{ title: 'Favorites' }] });
    expect(me['accessPolicy']).toMatchObject({ resourceType: 'AccessPolicy' });
    expect(answer.text).not.toMatch(/passwordHash|secret|scrypt/i);
  });
});

describe('the profile in auth/me', () => {
  const policyOf = async (...resource: object[]) => ({
    accessPolicy: { reference: `AccessPolicy/${(await app.create({ resourceType: 'AccessPolicy', resource })).id}` },
  });
  const profile = async (person: Person, scope = 'openid') => {
    const { access_token: token } = await app.tokens(person, { scope });
    return jsonOf<{ profile: Record<string, unknown> }>(await app.get('auth/me', token)).profile;
  };

  test('is shown without what the rule hides by which the caller may read it', async () => {
    const person = await app.invite({
      membership: await policyOf({ resourceType: 'Practitioner', hiddenFields: ['telecom'] }),
    });
    const shown = await profile(person);
    expect(shown).toMatchObject({ resourceType: 'Practitioner', name: [{ family: 'Quay' }] });
    expect(shown).not.toHaveProperty('telecom');
  });

  test('is shown whole where no rule speaks of it', async () => {
    const person = await app.invite({ membership: await policyOf({ resourceType: 'Patient' }) });
    expect(await profile(person)).toHaveProperty('telecom');
  });

  test('is but a name for an app whose scopes do not let it read the profile', async () => {
    const [, id] = ana.profile.split('/');
    expect(await profile(ana, 'openid user/Patient.rs')).toEqual({
      resourceType: 'Practitioner',
      id,
      name: [{ given: ['Ana'], family: 'Quay' }],
    });
    expect(await profile(ana, 'openid user/Practitioner.r')).toHaveProperty('telecom');
  });

  test('that is gone is its type and id', async () => {
    const person = await app.invite();
    expect((await plane.fhir(north, person.profile, { method: 'DELETE' })).status).toBeLessThan(300);
    const [resourceType, id] = person.profile.split('/');
    expect(await profile(person)).toEqual({ resourceType, id });
  });

  test('is nothing else than what a member can be: who names a log-in there is no member', async () => {
    const person = await app.invite({ membership: { admin: true } });
    const { access_token: token } = await app.tokens(person);
    const { login_id: login } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as {
      login_id: string;
    };
    await app.change(`ProjectMembership/${person.membershipId}`, (membership) => {
      membership['profile'] = { reference: `Login/${login}` };
    });
    const answer = await app.get('auth/me', token);
    expect([answer.status, answer.text.includes('codeChallenge')]).toEqual([401, false]);
  });
});

describe('userinfo', () => {
  test('tells what the scopes allow', async () => {
    const sub = ana.profile.split('/')[1];
    const plain = await app.tokens(ana);
    expect(jsonOf(await app.get('oauth2/userinfo', plain.access_token))).toEqual({ sub });
    const more = await app.tokens(ana, { scope: 'openid profile email' });
    expect(jsonOf(await app.get('oauth2/userinfo', more.access_token))).toMatchObject({
      sub,
      name: 'Ana Quay',
      email: ana.email,
    });
    expect((await app.get('oauth2/userinfo')).status).toBe(401);
  });
});

describe('introspection', () => {
  const introspect = (token: string, form: Record<string, string> = {}): ReturnType<IdentityClient['form']> =>
    app.form('oauth2/introspect', { token, client_id: north.clientId, client_secret: north.clientSecret, ...form });

  test('tells a client of the project which tokens are good', async () => {
    const tokens = await app.tokens(ana, { remember: true });
    expect(jsonOf(await introspect(tokens.access_token))).toMatchObject({ active: true, username: ana.userId });
    expect(jsonOf(await introspect(tokens.refresh_token ?? ''))).toMatchObject({ active: true });
    // {"alg":"ES256","typ":"JWT"} and a payload that is no JSON.
    const noJson = 'eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9.YWJj.aaaa';
    for (const bad of [tokens.id_token ?? '', 'nonsense', `${tokens.access_token}x`, noJson]) {
      expect(jsonOf(await introspect(bad))).toEqual({ active: false });
    }
    await app.post('oauth2/logout', {}, { authorization: `Bearer ${tokens.access_token}` });
    for (const ended of [tokens.access_token, tokens.refresh_token ?? '']) {
      expect(jsonOf(await introspect(ended))).toEqual({ active: false });
    }
  });

  test('tells nobody else anything', async () => {
    const { access_token: token } = await app.tokens(ana);
    expect((await introspect(token, { client_secret: 'wrong' })).status).toBe(401);
    expect((await introspect(token, { client_secret: '', client_id: '' })).status).toBe(401);
    expect((await introspect(token, { client_secret: '' })).status).toBe(401);
  });
});

describe('another way to log in than by the project itself', () => {
  test.each(['auth/google', 'auth/external', 'auth/exchange', 'auth/clientinfo/x', 'oauth2/register'])(
    'is not there: %s',
    async (path) => {
      expect((await app.post(path, {})).status).toBe(404);
    },
  );

  test('is no grant either', async () => {
    const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';
    const answer = await app.form('oauth2/token', { grant_type: exchange, subject_token: 'x' });
    expect([answer.status, answer.json]).toMatchObject([400, { error: 'unsupported_grant_type' }]);
  });
});

describe('a client with a key of its own', () => {
  let server: Server;
  let jwksUri: string;
  let privateKey: KeyObject;
  let clientId: string;
  let served: object;
  let fetches = 0;

  beforeAll(async () => {
    const pair = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    privateKey = pair.privateKey;
    served = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig' }] };
    server = createServer((_request, response) => {
      fetches++;
      response.end(JSON.stringify(served));
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    jwksUri = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    clientId = (await app.createClient({ name: 'Backend' })).id;
    await app.change(`ClientApplication/${clientId}`, (client) => (client['jwksUri'] = jwksUri));
  });

  afterAll(() => {
    server.close();
  });

  const claims = (): jwt.JwtPayload => ({
    iss: clientId,
    sub: clientId,
    aud: `${plane.url}${north.path}oauth2/token`,
    jti: randomUUID(),
    exp: Math.floor(Date.now() / 1000) + 240,
  });
  const assertion = (change: object = {}, key: KeyObject = privateKey, options: jwt.SignOptions = {}): string =>
    jwt.sign(JSON.parse(JSON.stringify({ ...claims(), ...change })) as object, key, {
      algorithm: 'ES384',
      keyid: 'k1',
      ...options,
    });
  const ask = (signed: string): ReturnType<IdentityClient['form']> =>
    app.form('oauth2/token', {
      grant_type: 'client_credentials',
      scope: 'system/Patient.rs',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: signed,
    });

  test('logs in with an assertion, whose keys are fetched once', async () => {
    const before = fetches;
    const tokens = jsonOf<Tokens>(await ask(assertion()));
    jsonOf(await ask(assertion()));
    expect(fetches - before).toBeLessThanOrEqual(1);
    expect((await app.get('fhir/R4/Patient', tokens.access_token)).status).toBe(200);
    expect((await app.get('fhir/R4/Observation', tokens.access_token)).status).toBe(403);
  });

  test('cannot use an assertion twice', async () => {
    const signed = assertion();
    const both = await Promise.all([ask(signed), ask(signed)]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect((await ask(signed)).json.error).toBe('invalid_client');
  });

  test.each<[string, () => string]>([
    ['another key', () => assertion({}, generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey)],
    ['an unknown key id', () => assertion({}, privateKey, { keyid: 'k2' })],
    ['another audience', () => assertion({ aud: 'https://elsewhere.example/oauth2/token' })],
    ['no audience', () => assertion({ aud: undefined })],
    ['another issuer', () => assertion({ iss: randomUUID() })],
    ['another subject', () => assertion({ sub: north.clientId })],
    ['an expiry in the past', () => assertion({ exp: Math.floor(Date.now() / 1000) - 60 })],
    ['an expiry far away', () => assertion({ exp: Math.floor(Date.now() / 1000) + 3600 })],
    ['no expiry', () => assertion({ exp: undefined })],
    ['no id', () => assertion({ jti: undefined })],
    ['no signature', () => jwt.sign(claims(), '', { algorithm: 'none' })],
    ['a payload that is no JSON', () => assertion().replace(/\..*\./, '.YWJj.')],
    ['a payload that is null', () => assertion().replace(/\..*\./, '.bnVsbA.')],
    [
      'the public key as a shared secret',
      () => jwt.sign(claims(), JSON.stringify(served), { algorithm: 'HS256', keyid: 'k1' }),
    ],
    ['nonsense', () => 'a.b.c'],
  ])('is refused with %s', async (_name, make) => {
    const answer = await ask(make());
    expect([answer.status, answer.json.error]).toEqual([400, 'invalid_client']);
  });
});

describe('signing keys are rotated with an overlap', () => {
  test('the newest signs, those before it still verify, and a revoked one does not', async () => {
    const project = await plane.createProject('turning');
    const old = await plane.token(project);
    const read = async (token: string): Promise<number> =>
      (await plane.call({ path: `${project.path}auth/me`, headers: { authorization: `Bearer ${token}` } })).status;
    expect(await read(old)).toBe(200);
    const kid = randomUUID();
    await addSigningKey(project, kid);
    const fresh = await until(async () => {
      const token = await plane.token(project, true);
      return jwt.decode(token, { complete: true })?.header.kid === kid ? token : undefined;
    });
    expect([await read(old), await read(fresh)]).toEqual([200, 200]);
    const { keys } = (await plane.call({ path: `${project.path}.well-known/jwks.json` })).json;
    expect(keys.map((key) => key['kid']).sort()).toEqual([project.kid, kid].sort());
    await plane.dataSource.query(`UPDATE signing_key SET state = 'revoked' WHERE kid = $1`, [project.kid]);
    await until(async () => ((await read(old)) === 401 ? true : undefined));
    expect(await read(fresh)).toBe(200);
  });
});

/** What a rotation in the control plane does, in one transaction: the old key verifies from now on, the new one signs. */
async function addSigningKey(project: TestProject, kid: string): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const sealed = seal(project.dataKey, privateKey.export({ format: 'der', type: 'pkcs8' }), signingKeyContext(kid));
  await plane.dataSource.transaction(async (manager) => {
    await manager.query(`UPDATE signing_key SET state = 'verifying' WHERE project_id = $1`, [project.id]);
    await manager.query(
      `INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state) VALUES ($1, $2, $3, $4, 'signing')`,
      [kid, project.id, JSON.stringify(publicKey.export({ format: 'jwk' })), sealed],
    );
  });
}
