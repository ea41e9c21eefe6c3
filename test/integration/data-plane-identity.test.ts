import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { seal } from '#platform';
import { connectOnce, sql } from '#postgres';
import { signingKeyContext } from '#tenancy';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Person, type Tokens } from './identity.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;
let ana: Person;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'boxyard-identity-'));
  plane = await aDataPlane({ dataDir });
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
  ana = await app.invite({ firstName: 'Ana', lastName: 'Quay' });
});

afterAll(async () => {
  await plane?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const issue = (text: string): { expression?: string[]; text: string } => {
  const outcome = JSON.parse(text) as { issue: { expression?: string[]; details: { text: string } }[] };
  const [first] = outcome.issue;
  return { expression: first?.expression, text: first?.details.text ?? '' };
};

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

async function readEpoch(project: TestProject): Promise<string> {
  const connection = await connectOnce(project.tenantUrl);
  const [row] = await connection.query<{ epoch: string }>(sql`SELECT epoch FROM security_epoch`);
  await connection.close();
  return row?.epoch ?? '';
}

const messages = async (to: string): Promise<{ text: string; file: string }[]> => {
  const directory = join(dataDir, 'mail', north.id);
  const files = await readdir(directory).catch(() => []);
  const all = await Promise.all(
    files.sort().map(async (name) => {
      const file = join(directory, name);
      return { file, ...(JSON.parse(await readFile(file, 'utf8')) as { to: string; text: string }) };
    }),
  );
  return all.filter((message) => message.to === to);
};
const linkFor = async (to: string): Promise<{ id: string; secret: string; file: string }> => {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const message = (await messages(to)).at(-1);
    const [, id, secret] = /(?:setpassword|verifyemail)\/([^/\s]+)\/(\S+)/.exec(message?.text ?? '') ?? [];
    if (message !== undefined && id !== undefined && secret !== undefined) return { id, secret, file: message.file };
    if (Date.now() > deadline) throw new Error('no mail has come');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
};

describe('a password', () => {
  test('is changed by who knows the old one, and the other log-ins end', async () => {
    const lou = await app.invite();
    const [here, elsewhere] = [await app.tokens(lou), await app.tokens(lou, { remember: true })];
    const authorization = `Bearer ${here.access_token}`;
    const wrong = await app.post(
      'auth/changepassword',
      { oldPassword: 'x', newPassword: 'new-password' },
      { authorization },
    );
    expect([wrong.status, issue(wrong.text).expression]).toEqual([400, ['oldPassword']]);
    const short = await app.post(
      'auth/changepassword',
      { oldPassword: lou.password, newPassword: 'short' },
      { authorization },
    );
    expect([short.status, issue(short.text).expression]).toEqual([400, ['newPassword']]);
    const body = { oldPassword: lou.password, newPassword: 'new-password' };
    expect((await app.post('auth/changepassword', body, { authorization })).status).toBe(200);
    expect([await app.statusOf(here.access_token), await app.statusOf(elsewhere.access_token)]).toEqual([200, 401]);
    expect((await app.refresh(elsewhere.refresh_token)).status).toBe(400);
    expect((await app.login(lou, aPkce())).status).toBe(400);
    expect((await app.login({ ...lou, password: 'new-password' }, aPkce())).status).toBe(200);
  });

  test('that is forgotten is set by a link that is good once', async () => {
    const max = await app.invite();
    const tokens = await app.tokens(max);
    const asked = await app.post('auth/resetpassword', { email: max.email });
    const unknown = await app.post('auth/resetpassword', { email: 'nobody@example.org' });
    expect([asked.status, asked.text]).toEqual([unknown.status, unknown.text]);
    const { id, secret, file } = await linkFor(max.email);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const page = await app.get(`setpassword/${id}/${secret}`);
    expect([page.status, page.headers['content-security-policy']]).toEqual([
      200,
      expect.stringContaining("default-src 'none'"),
    ]);

    const set = (body: object) => app.post('auth/setpassword', { id, secret, password: 'another-password', ...body });
    expect((await set({ password: 'short' })).status).toBe(400);
    expect((await set({ secret: 'x'.repeat(43) })).status).toBe(400);
    expect((await set({ id: randomUUID() })).status).toBe(400);
    const both = await Promise.all([set({}), set({})]);
    expect(both.map(({ status }) => status).sort()).toEqual([200, 400]);
    expect((await set({})).status).toBe(400);
    expect(await app.statusOf(tokens.access_token)).toBe(401);
    expect((await app.login(max, aPkce())).status).toBe(400);
    expect((await app.login({ ...max, password: 'another-password' }, aPkce())).status).toBe(200);

    const request = await plane.fhir(north, `UserSecurityRequest/${id}`);
    expect([request.status, request.text.includes(secret)]).toEqual([200, false]);
    expect(JSON.parse(request.text)).toMatchObject({ type: 'reset', used: true });
  });

  test('can be chosen on the page to which an invitation leads', async () => {
    await app.invite({ email: 'new-here@north.example', password: '', sendEmail: true });
    const { id, secret } = await linkFor('new-here@north.example');
    const short = await app.form(`setpassword/${id}/${secret}`, { password: 'short' });
    expect([short.status, short.headers['content-type']]).toEqual([400, 'text/html; charset=utf-8']);
    expect((await app.form(`setpassword/${id}/${secret}`, { password: 'my-password' })).status).toBe(200);
    expect((await app.form(`setpassword/${id}/${secret}`, { password: 'my-password' })).status).toBe(400);
    const person = { email: 'new-here@north.example', password: 'my-password' };
    expect((await app.login(person, aPkce())).status).toBe(200);
  });

  test.each<[string, (person: Person, token: string) => Promise<Answer>]>([
    [
      'by its owner',
      (person, token) =>
        app.post(
          'auth/changepassword',
          { oldPassword: person.password, newPassword: 'new-password' },
          { authorization: `Bearer ${token}` },
        ),
    ],
    [
      'by an admin',
      async ({ email }) =>
        app.post(
          'admin/projects/setpassword',
          { email, password: 'new-password' },
          { authorization: `Bearer ${await plane.token(north)}` },
        ),
    ],
    [
      'by a link',
      async ({ email }) => app.post('auth/setpassword', { ...(await linkFor(email)), password: 'new-password' }),
    ],
  ])('that is changed %s ends what was begun before: log-ins without tokens and links', async (_how, change) => {
    const kim = await app.invite();
    await app.invite({ email: kim.email, forceNewMembership: true });
    for (let sent = 0; sent < 2; sent++) {
      await app.post('auth/resetpassword', { email: kim.email });
      await until(async () => (await messages(kim.email))[sent]);
    }
    const pkce = aPkce();
    const chosen = async (): Promise<LoginJson> => {
      const { login } = jsonOf<LoginJson>(await app.login(kim, pkce, { remember: true }));
      return jsonOf(await app.post('auth/profile', { login, profile: kim.membershipId }));
    };
    const { access_token: token } = jsonOf<Tokens>(await app.exchange((await chosen()).code, pkce));
    const { login: undecided } = jsonOf<LoginJson>(await app.login(kim, aPkce()));
    const { login, code } = await chosen();

    expect((await change(kim, token)).status).toBe(200);
    expect((await app.exchange(code, pkce)).status).toBe(400);
    for (const id of [undecided, login]) expect((await app.get(`auth/login/${id}`)).status).toBe(400);
    expect((await app.post('auth/profile', { login: undecided, profile: kim.membershipId })).status).toBe(400);
    for (const { text } of await messages(kim.email)) {
      const [, id, secret] = /setpassword\/([^/\s]+)\/(\S+)/.exec(text) ?? [];
      expect((await app.post('auth/setpassword', { id, secret, password: 'stolen-password' })).status).toBe(400);
    }
    expect((await app.login({ ...kim, password: 'new-password' }, aPkce())).status).toBe(200);
  });

  test('is not shown to anybody, and nor are log-ins', async () => {
    for (const path of [`User/${ana.userId}`, `User/${ana.userId}/_history`]) {
      expect((await plane.fhir(north, path)).text).not.toMatch(/scrypt|passwordHash/);
    }
    for (const path of ['Login', `Login/${randomUUID()}`]) expect((await plane.fhir(north, path)).status).toBe(403);
  });
});

describe('registration', () => {
  const newcomer = (email: string): object => ({
    firstName: 'Pat',
    lastName: 'Newcomer',
    email,
    password: 'long-enough',
    remember: false,
  });

  test('is refused until the project names a policy for patients, and then leads to one Patient', async () => {
    const pkce = aPkce();
    const register = (email: string, more: object = {}) =>
      app.post('auth/newuser', { ...newcomer(email), ...pkce.challenge, ...more });
    expect((await register('pat@example.org')).status).toBe(400);
    const policy = await app.create({
      resourceType: 'AccessPolicy',
      name: 'Patients',
      resource: [{ resourceType: 'Patient', criteria: 'Patient?_compartment=%patient' }],
    });
    await app.change(`Project/${north.id}`, (project) => {
      project['defaultPatientAccessPolicy'] = { reference: `AccessPolicy/${policy.id}` };
    });

    const { login, code } = jsonOf<LoginJson>(await register('pat@example.org', { projectId: north.id }));
    expect(code).toBeUndefined();
    expect((await register('PAT@example.org')).status).toBe(400);
    const flaws: [object, string][] = [
      [{ email: 'no address' }, 'email'],
      [{ email: 'one,other@example.org' }, 'email'],
      [{ password: 'short' }, 'password'],
      [{ password: 'x'.repeat(73) }, 'password'],
      [{ firstName: '' }, 'firstName'],
      [{ projectId: 'new' }, 'projectId'],
    ];
    for (const [change, field] of flaws) {
      const refused = await register('other@example.org', change);
      expect([refused.status, issue(refused.text).expression]).toEqual([400, [field]]);
    }
    const person = { email: 'pat@example.org', password: 'long-enough' };
    expect((await app.login(person, aPkce())).status).toBe(400);

    const finish = () => app.post('auth/newpatient', { login, projectId: north.id });
    const answers = await Promise.all([finish(), finish()]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400]);
    const done = answers.find(({ status }) => status === 200);
    const tokens = jsonOf<Tokens>(await app.exchange(jsonOf<LoginJson>(done!).code, pkce));
    expect(tokens.profile.reference).toMatch(/^Patient\//);
    expect(tokens.patient).toBe(tokens.profile.reference.slice('Patient/'.length));
    const found = jsonOf<{ entry: { resource: { id: string } }[] }>(
      await app.get('fhir/R4/Patient', tokens.access_token),
    );
    expect(found.entry.map(({ resource }) => resource.id)).toEqual([tokens.patient]);
    expect((await app.get('fhir/R4/Practitioner', tokens.access_token)).status).toBe(403);
  });
});

describe('a registration with the address of somebody else', () => {
  const register = async (email: string, pkce = aPkce()): Promise<LoginJson> =>
    jsonOf(
      await app.post('auth/newuser', {
        firstName: 'Eve',
        lastName: 'Quick',
        email,
        password: 'password-of-eve',
        ...pkce.challenge,
      }),
    );

  test('gives no way into what they are invited to later', async () => {
    const email = 'invited-later@north.example';
    const { login } = await register(email);
    await app.invite({ email, password: '', sendEmail: true, membership: { admin: true } });
    expect((await app.login({ email, password: 'password-of-eve' }, aPkce())).status).toBe(400);
    expect((await app.get(`auth/login/${login}`)).status).toBe(400);
    expect((await app.post('auth/newpatient', { login, projectId: north.id })).status).toBe(400);

    const link = await until(async () => (await messages(email)).find(({ text }) => text.includes('setpassword')));
    const [, id, secret] = /setpassword\/([^/\s]+)\/(\S+)/.exec(link.text) ?? [];
    jsonOf(await app.post('auth/setpassword', { id, secret, password: 'password-of-owner' }));
    const owner = await app.tokens({ email, password: 'password-of-owner' });
    expect(await app.statusOf(owner.access_token)).toBe(200);
  });

  test('leaves the password that the invitation gives as the only one', async () => {
    const email = 'invited-with-password@north.example';
    await register(email);
    const person = await app.invite({ email });
    expect((await app.login({ email, password: 'password-of-eve' }, aPkce())).status).toBe(400);
    expect((await app.login(person, aPkce())).status).toBe(200);
  });

  test('does not raise the security epoch, taken or not, and of many at once one succeeds', async () => {
    const before = await readEpoch(north);
    const body = { firstName: 'Eve', lastName: 'Quick', email: 'many@north.example', password: 'password-of-eve' };
    const answers = await Promise.all(
      Array.from({ length: 4 }, () => app.post('auth/newuser', { ...body, ...aPkce().challenge })),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 400, 400, 400]);
    expect((await app.post('auth/newuser', { ...body, ...aPkce().challenge })).status).toBe(400);
    expect(await readEpoch(north)).toBe(before);
  });
});

describe('an address', () => {
  test('that somebody registers with is confirmed by a link, on the page or by an app', async () => {
    const confirmed = async (id: string) =>
      jsonOf<{ emailVerified?: boolean }>(await plane.fhir(north, `User/${id}`)).emailVerified;
    for (const way of ['page', 'app']) {
      const email = `confirm-${way}@example.org`;
      const person = { firstName: 'Con', lastName: 'Firm', email, password: 'long-enough' };
      jsonOf(await app.post('auth/newuser', { ...person, ...aPkce().challenge }));
      const { id, secret } = await linkFor(email);
      const { user } = jsonOf<{ user: { reference: string } }>(await plane.fhir(north, `UserSecurityRequest/${id}`));
      const userId = user.reference.slice('User/'.length);
      expect((await app.get(`verifyemail/${id}/${secret}`)).status).toBe(200);
      expect(await confirmed(userId)).toBe(false);
      // The link of one purpose is not good for another.
      expect((await app.post('auth/setpassword', { id, secret, password: 'long-enough' })).status).toBe(400);
      const confirm = () =>
        way === 'page' ? app.form(`verifyemail/${id}/${secret}`, {}) : app.post('auth/verifyemail', { id, secret });
      expect([(await confirm()).status, (await confirm()).status]).toEqual([200, 400]);
      expect(await confirmed(userId)).toBe(true);
    }
  });
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

async function until<T>(find: () => Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('It has not come about in half a minute.');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
