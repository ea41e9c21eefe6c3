/** Logging in with a password, choosing a membership, and the tokens that come of it. */
import { randomUUID } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import {
  aPkce,
  IdentityClient,
  issue,
  jsonOf,
  readEpoch,
  type LoginJson,
  type Person,
  type Tokens,
} from './identity.fixture.js';

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

describe('auth/method', () => {
  test('says the same of every address', async () => {
    for (const email of [ana.email, 'nobody@example.org']) {
      expect(jsonOf(await app.post('auth/method', { email }))).toEqual({});
    }
    expect(issue((await app.post('auth/method', { email: '' })).text).expression).toEqual(['email']);
  });
});

describe('auth/login', () => {
  test('gives somebody with one membership a code, and nothing more', async () => {
    const answer = await app.login(ana, aPkce(), { clientId: '', scope: '', remember: false, unknown: [1] });
    const json = jsonOf<LoginJson>(answer);
    expect(Object.keys(json).sort()).toEqual(['code', 'login']);
    expect(answer.headers['cache-control']).toBe('no-store');
  });

  test('does not care how the address is written', async () => {
    const email = ` ${ana.email.toUpperCase()} `;
    expect(jsonOf<LoginJson>(await app.login({ ...ana, email }, aPkce())).code).toBeDefined();
  });

  test.each<[string, object, string | undefined]>([
    ['no address', { email: '' }, 'email'],
    ['no password', { password: '' }, 'password'],
    ['an address that is no text', { email: 7 }, 'email'],
    ['a wrong password', { password: 'wrong-password' }, undefined],
    ['no challenge', { codeChallenge: '', codeChallengeMethod: '' }, 'codeChallenge'],
    ['an unknown challenge method', { codeChallengeMethod: 'none' }, 'codeChallenge'],
    ['an unknown client', { clientId: randomUUID() }, 'clientId'],
    ["another project's id", { projectId: randomUUID() }, 'projectId'],
    ['a profile type of which there is none', { resourceType: 'Patient' }, undefined],
    ['a type that is no profile', { resourceType: 'Observation' }, 'resourceType'],
    ['a malformed scope', { scope: '"' }, 'scope'],
  ])('refuses %s', async (_name, change, field) => {
    const answer = await app.post('auth/login', { ...ana, ...aPkce().challenge, ...change });
    expect([answer.status, issue(answer.text).expression]).toEqual([400, field === undefined ? undefined : [field]]);
  });

  test('tells all fields that are wrong at once', async () => {
    const answer = await app.post('auth/login', { ...aPkce().challenge, scope: '"' });
    const { issue: issues } = JSON.parse(answer.text) as { issue: { expression: string[] }[] };
    expect(issues.map(({ expression }) => expression[0]).sort()).toEqual(['email', 'password', 'scope']);
  });

  test('says the same of an unknown address and of a wrong password', async () => {
    const wrong = await app.login({ email: ana.email, password: 'wrong-password' }, aPkce());
    const unknown = await app.login({ email: 'nobody@example.org', password: 'wrong-password' }, aPkce());
    expect([wrong.status, wrong.text]).toEqual([unknown.status, unknown.text]);
  });

  test('refuses somebody whose membership is inactive or deleted', async () => {
    const ben = await app.invite();
    await app.change(`ProjectMembership/${ben.membershipId}`, (membership) => (membership['active'] = false));
    expect((await app.login(ben, aPkce())).status).toBe(400);
    jsonOf(await plane.fhir(north, `ProjectMembership/${ben.membershipId}`, { method: 'DELETE' }), 200);
    expect((await app.login(ben, aPkce())).status).toBe(400);
  });

  test('refuses an address that the policy blocks, for people and for clients', async () => {
    const policy = await app.create({
      resourceType: 'AccessPolicy',
      name: 'From nowhere',
      resource: [{ resourceType: 'Patient' }],
      ipAccessRule: [{ name: 'all', value: '*', action: 'block' }],
    });
    const accessPolicy = { reference: `AccessPolicy/${policy.id}` };
    const far = await app.invite({ membership: { accessPolicy } });
    expect(issue((await app.login(far, aPkce())).text).text).toContain('address');
    const client = await app.createClient({ name: 'Far', accessPolicy });
    const token = await app.form('oauth2/token', {
      grant_type: 'client_credentials',
      client_id: client.id,
      client_secret: client.secret,
    });
    expect([token.status, token.json.error]).toEqual([400, 'invalid_client']);
  });

  test('and later requests too are refused from an address that the policy has come to block', async () => {
    const policy = await app.create({
      resourceType: 'AccessPolicy',
      name: 'Movable',
      resource: [{ resourceType: 'Patient' }],
    });
    const kai = await app.invite({ membership: { accessPolicy: { reference: `AccessPolicy/${policy.id}` } } });
    const { access_token: token } = await app.tokens(kai);
    expect(await app.statusOf(token)).toBe(200);
    await app.change(`AccessPolicy/${policy.id}`, (resource) => {
      resource['ipAccessRule'] = [
        { name: 'office', value: '10.0.0.0/8', action: 'allow' },
        { name: 'rest', value: '*', action: 'block' },
      ];
    });
    // The first request finds out that rights have changed; from then on they are known.
    await app.statusOf(token);
    expect(await app.statusOf(token)).toBe(403);
  });

  test('slows down who guesses at an account', async () => {
    const kim = await app.invite();
    const statuses: number[] = [];
    for (let index = 0; index < 6; index++) {
      statuses.push((await app.login({ ...kim, password: 'wrong-password' }, aPkce())).status);
    }
    expect(statuses).toEqual([400, 400, 400, 400, 400, 429]);
    expect((await app.login(ana, aPkce())).status).toBe(200);
  });

  test('with projectId new begins a log-in with which nothing can be made here', async () => {
    const json = jsonOf<LoginJson>(await app.login(ana, aPkce(), { projectId: 'new' }));
    expect(Object.keys(json)).toEqual(['login']);
    expect((await app.post('auth/newproject', { login: json.login, projectName: 'Mine' })).status).toBe(400);
    expect((await app.post('auth/newpatient', { login: json.login })).status).toBe(400);
  });
});

describe('somebody with two memberships', () => {
  let two: Person;
  let second: Person;

  beforeAll(async () => {
    two = await app.invite({ firstName: 'Bea', lastName: 'Twofold' });
    const profile = await app.create({ resourceType: 'Practitioner', name: [{ given: ['Bea'], family: 'South' }] });
    second = await app.invite({
      email: two.email,
      forceNewMembership: true,
      membership: { profile: { reference: `Practitioner/${profile.id}` } },
    });
  });

  const begin = async (pkce = aPkce(), more: object = {}): Promise<LoginJson> =>
    jsonOf<LoginJson>(await app.login(two, pkce, more));

  test('is offered both, each with its project and profile and nothing else', async () => {
    const { login, code, memberships } = await begin();
    expect(code).toBeUndefined();
    expect(memberships?.map(({ id }) => id).sort()).toEqual([two.membershipId, second.membershipId].sort());
    for (const offered of memberships ?? []) {
      expect(Object.keys(offered).sort()).toEqual(['id', 'profile', 'project']);
      expect(offered.profile.display).toContain('Bea');
    }
    expect(jsonOf<LoginJson>(await app.get(`auth/login/${login}`)).memberships).toEqual(memberships);
  });

  test('gets tokens for the one they choose, and cannot choose again', async () => {
    const pkce = aPkce();
    const { login } = await begin(pkce);
    const { code } = jsonOf<LoginJson>(await app.post('auth/profile', { login, profile: second.membershipId }));
    const again = await app.post('auth/profile', { login, profile: two.membershipId });
    expect([again.status, issue(again.text).expression]).toEqual([400, ['login']]);
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    expect(tokens.profile.reference).toBe(second.profile);
    const me = jsonOf<{ membership: { id: string } }>(await app.get('auth/me', tokens.access_token));
    expect(me.membership.id).toBe(second.membershipId);
    expect((await app.get(`auth/login/${login}`)).status).toBe(400);
    expect((await app.post('auth/profile', { login, profile: two.membershipId })).status).toBe(400);
    expect((await app.post('auth/scope', { login, scope: 'openid' })).status).toBe(400);
  });

  test('cannot choose the membership of somebody else, an inactive one, or one that does not exist', async () => {
    const { login } = await begin();
    const ended = await app.invite({ email: two.email, forceNewMembership: true });
    await app.change(`ProjectMembership/${ended.membershipId}`, (membership) => (membership['active'] = false));
    for (const profile of [ana.membershipId, ended.membershipId, randomUUID(), 'x', two.profile]) {
      const answer = await app.post('auth/profile', { login, profile });
      expect([answer.status, issue(answer.text).expression]).toEqual([400, ['profile']]);
    }
    for (const unknown of [randomUUID(), 'x', '']) {
      expect((await app.post('auth/profile', { login: unknown, profile: two.membershipId })).status).toBe(400);
    }
  });

  test('chooses by resourceType where one alone has a profile of that type', async () => {
    const patient = await app.invite({ email: two.email, forceNewMembership: true, resourceType: 'Patient' });
    const pkce = aPkce();
    const { code } = await begin(pkce, { resourceType: 'Patient' });
    expect(jsonOf<Tokens>(await app.exchange(code, pkce)).profile.reference).toBe(patient.profile);
    const { memberships } = await begin(aPkce(), { resourceType: 'Practitioner' });
    expect(memberships?.map(({ id }) => id).sort()).toEqual([two.membershipId, second.membershipId].sort());
    expect((await app.login(two, aPkce(), { resourceType: 'RelatedPerson' })).status).toBe(400);
    await app.change(`ProjectMembership/${patient.membershipId}`, (membership) => (membership['active'] = false));
  });

  test('may narrow the scope and never widen it', async () => {
    const pkce = aPkce();
    const { login } = await begin(pkce, { scope: 'openid user/*.read' });
    await app.post('auth/profile', { login, profile: two.membershipId });
    for (const scope of [
      'openid user/*.read user/Patient.write',
      'openid',
      'openid profile',
      'openid patient/*.read',
    ]) {
      const wider = await app.post('auth/scope', { login, scope });
      expect([scope, wider.status, issue(wider.text).expression]).toEqual([scope, 400, ['scope']]);
    }
    const { code } = jsonOf<LoginJson>(await app.post('auth/scope', { login, scope: 'openid user/Patient.rs' }));
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    expect(tokens.scope).toBe('openid user/Patient.rs');
    expect((await app.get('fhir/R4/Patient', tokens.access_token)).status).toBe(200);
    expect((await app.get('fhir/R4/Observation', tokens.access_token)).status).toBe(403);
  });

  test('sees both memberships and the sessions in auth/me', async () => {
    const pkce = aPkce();
    const { login } = await begin(pkce);
    const { code } = jsonOf<LoginJson>(await app.post('auth/profile', { login, profile: two.membershipId }));
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    const me = jsonOf<{
      user: object;
      security: { mfaEnrolled: boolean; sessions: Record<string, unknown>[]; memberships: { id: string }[] };
    }>(await app.get('auth/me', tokens.access_token));
    expect(me.user).toEqual({ resourceType: 'User', id: two.userId, email: two.email });
    expect(me.security.memberships.map(({ id }) => id).sort()).toEqual([two.membershipId, second.membershipId].sort());
    expect(me.security.sessions.map(({ id }) => id)).toContain(login);
    expect(Object.keys(me.security.sessions[0] ?? {}).sort()).toEqual([
      'authMethod',
      'id',
      'lastUpdated',
      'remoteAddress',
    ]);
  });
});

describe('the tokens of a person', () => {
  test('have the form that MedplumClient reads, without a refresh token unless it is asked for', async () => {
    const pkce = aPkce();
    const { login, code } = jsonOf<LoginJson>(await app.login(ana, pkce, { nonce: 'n-1', scope: 'openid profile' }));
    const answer = jsonOf<Tokens & { project: object }>(await app.exchange(code, pkce));
    expect(answer).toMatchObject({
      token_type: 'Bearer',
      expires_in: 3600,
      scope: 'openid profile',
      project: { reference: `Project/${north.id}`, display: 'Project north' },
      profile: { reference: ana.profile, display: 'Ana Quay' },
    });
    expect(answer.refresh_token).toBeUndefined();
    const access = jwt.decode(answer.access_token, { complete: true });
    const id = ana.profile.split('/')[1];
    expect(access?.header).toMatchObject({ alg: 'ES256', typ: 'at+jwt', kid: north.kid });
    expect(access?.payload).toMatchObject({
      sub: id,
      username: ana.userId,
      login_id: login,
      membership: ana.membershipId,
      profile: ana.profile,
      aud: north.id,
      scope: 'openid profile',
    });
    expect(access?.payload).not.toHaveProperty('client_id');
    expect(access?.payload).not.toHaveProperty('cid');
    expect(JSON.stringify(access?.payload)).not.toContain(ana.email);
    const idToken = jwt.decode(answer.id_token ?? '') as jwt.JwtPayload;
    expect(idToken).toMatchObject({
      sub: id,
      nonce: 'n-1',
      fhirUser: ana.profile,
      iss: access?.payload?.['iss' as never],
    });
  });

  test('are renewed by a refresh token that changes each time', async () => {
    for (const more of [{ remember: true }, { scope: 'openid offline_access' }, { scope: 'offline' }]) {
      const first = await app.tokens(ana, more);
      const second = jsonOf<Tokens>(await app.refresh(first.refresh_token));
      const third = jsonOf<Tokens>(await app.refresh(second.refresh_token));
      expect(new Set([first, second, third].map((tokens) => tokens.refresh_token)).size).toBe(3);
      expect(await Promise.all([first, second, third].map((tokens) => app.statusOf(tokens.access_token)))).toEqual([
        200, 200, 200,
      ]);
    }
  });

  test('live as long as their client says', async () => {
    const client = await app.create({
      resourceType: 'ClientApplication',
      name: 'Kiosk',
      redirectUris: ['https://kiosk.example/cb'],
      accessTokenLifetime: '10m',
      refreshTokenLifetime: '1h',
      defaultScope: ['openid', 'offline_access', 'user/*.read'],
    });
    const tokens = await app.tokens(ana, { clientId: client.id });
    expect([tokens.expires_in, tokens.scope]).toEqual([600, 'openid offline_access user/*.read']);
    expect(jwt.decode(tokens.access_token)).toMatchObject({ client_id: client.id });
    expect((await app.refresh(tokens.refresh_token, { client_id: randomUUID() })).json.error).toBe('invalid_grant');
    const renewed = jsonOf<Tokens>(await app.refresh(tokens.refresh_token, { client_id: client.id }));
    await app.change(`ClientApplication/${client.id}`, (resource) => (resource['status'] = 'off'));
    expect((await app.refresh(renewed.refresh_token)).status).toBe(400);
    expect(await app.statusOf(renewed.access_token)).toBe(401);
  });

  test.each<[string, (token: string, loginId: string) => Promise<unknown>]>([
    ['a log-out', (token) => app.post('oauth2/logout', {}, { authorization: `Bearer ${token}` })],
    ['auth/revoke', (token, loginId) => app.post('auth/revoke', { loginId }, { authorization: `Bearer ${token}` })],
  ])('end with %s, the refresh token too, and those of other log-ins do not', async (_name, end) => {
    const [tokens, other] = [await app.tokens(ana, { remember: true }), await app.tokens(ana)];
    const { login_id: loginId } = jwt.decode(tokens.access_token) as jwt.JwtPayload;
    expect(((await end(tokens.access_token, String(loginId))) as { status: number }).status).toBe(200);
    expect(await app.statusOf(tokens.access_token)).toBe(401);
    expect((await app.refresh(tokens.refresh_token)).json.error).toBe('invalid_grant');
    expect(await app.statusOf(other.access_token)).toBe(200);
  });

  test('end with the membership, and a refresh brings them back as little', async () => {
    const tim = await app.invite();
    const tokens = await app.tokens(tim, { remember: true });
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    await app.change(`ProjectMembership/${tim.membershipId}`, (membership) => (membership['active'] = false));
    expect(await app.statusOf(tokens.access_token)).toBe(401);
    expect((await app.refresh(tokens.refresh_token)).json.error).toBe('invalid_grant');
  });

  test('cannot be ended by somebody else', async () => {
    const ben = await app.invite();
    const [his, hers] = [await app.tokens(ben), await app.tokens(ana)];
    const { login_id: loginId } = jwt.decode(hers.access_token) as jwt.JwtPayload;
    const authorization = `Bearer ${his.access_token}`;
    expect((await app.post('auth/revoke', { loginId }, { authorization })).status).toBe(404);
    expect((await app.post('auth/revoke', { loginId: randomUUID() }, { authorization })).status).toBe(404);
    expect((await app.post('auth/revoke', { loginId: 'x' }, { authorization })).status).toBe(400);
    expect(await app.statusOf(hers.access_token)).toBe(200);
  });

  test('are made without raising the security epoch', async () => {
    const epoch = () => readEpoch(north);
    const before = await epoch();
    const tokens = await app.tokens(ana, { remember: true });
    await app.refresh(tokens.refresh_token);
    expect(await epoch()).toBe(before);
    await app.post('oauth2/logout', {}, { authorization: `Bearer ${tokens.access_token}` });
    expect(BigInt(await epoch())).toBe(BigInt(before) + 1n);
  });
});
