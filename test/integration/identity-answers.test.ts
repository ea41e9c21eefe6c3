/** What the routes of identity answer, member by member, and the ways of asking that are less common. */
import type { JsonObject } from '#fhir';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Tokens } from './identity.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;

beforeAll(async () => {
  plane = await aDataPlane();
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
});

afterAll(() => plane?.close());

const keysOf = (value: unknown): string[] => Object.keys(value as object).sort();

describe('auth/me', () => {
  const me = async (token: string) => jsonOf<Record<string, JsonObject>>(await app.get('auth/me', token));

  test('of a person has these members and no others', async () => {
    const identifier = [{ value: 'n1' }];
    const person = await app.invite({ membership: { identifier } });
    const told = await me((await app.tokens(person)).access_token);
    expect(keysOf(told)).toEqual(['accessPolicy', 'config', 'membership', 'profile', 'project', 'security', 'user']);
    expect(told['user']).toEqual({ resourceType: 'User', id: person.userId, email: person.email });
    expect(told['project']).toEqual({
      resourceType: 'Project',
      id: north.id,
      name: 'Project north',
      strictMode: true,
      superAdmin: false,
    });
    const named = { resourceType: 'ProjectMembership', id: person.membershipId, identifier, admin: false };
    const profile = expect.objectContaining({ reference: person.profile }) as unknown;
    const user = expect.objectContaining({ reference: `User/${person.userId}` }) as unknown;
    expect(told['membership']).toEqual({ ...named, profile, user });
    expect(told['security']).toMatchObject({ mfaEnrolled: false, sessions: [expect.anything()] });
    expect(told['security']?.['memberships']).toEqual([{ ...named, profile }]);
  });

  test('of a client tells of no user and of no sessions', async () => {
    const told = await me(await plane.token(north));
    expect(keysOf(told)).toEqual(['accessPolicy', 'config', 'membership', 'profile', 'project']);
    expect(keysOf(told['membership'])).toEqual(['admin', 'id', 'profile', 'resourceType', 'user']);
  });
});

test('a log-out by GET ends the log-in as one by POST does', async () => {
  const { access_token: token, refresh_token: refresh } = await app.tokens(await app.invite(), { remember: true });
  expect((await app.get('oauth2/logout', token)).status).toBe(200);
  expect(await app.statusOf(token)).toBe(401);
  expect((await app.refresh(refresh)).json.error).toBe('invalid_grant');
});

test('userinfo answers a POST what it answers a GET', async () => {
  const person = await app.invite();
  const { access_token: token } = await app.tokens(person, { scope: 'openid profile email' });
  const posted = await app.form('oauth2/userinfo', {}, { authorization: `Bearer ${token}` });
  const told = jsonOf<JsonObject>(posted);
  expect(told).toMatchObject({ sub: person.profile.split('/')[1], email: person.email });
  expect(told).toEqual(jsonOf(await app.get('oauth2/userinfo', token)));
});

test.each(['off', 'error'])(
  'a client whose status is %s gets no token, however it shows its secret',
  async (status) => {
    const client = await app.createClient({ name: status });
    const secret = { client_id: client.id, client_secret: client.secret };
    const authorization = `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`;
    const inForm = () => app.form('oauth2/token', { grant_type: 'client_credentials', ...secret });
    const byBasic = () => app.form('oauth2/token', { grant_type: 'client_credentials' }, { authorization });
    expect([(await inForm()).status, (await byBasic()).status]).toEqual([200, 200]);
    await app.change(`ClientApplication/${client.id}`, (resource) => (resource['status'] = status));
    const refused = await inForm();
    expect([refused.status, refused.json.error]).toEqual([400, 'invalid_client']);
    expect((await byBasic()).json.error).toBe('invalid_client');
  },
);

test('a membership whose policy blocks the address cannot be chosen, while the others of the person can', async () => {
  const blocking = await app.create({
    resourceType: 'AccessPolicy',
    resource: [{ resourceType: 'Patient' }],
    ipAccessRule: [{ name: 'all', value: '*', action: 'block' }],
  });
  const open = await app.invite();
  const blocked = await app.invite({
    email: open.email,
    forceNewMembership: true,
    membership: { accessPolicy: { reference: `AccessPolicy/${blocking.id}` } },
  });
  const pkce = aPkce();
  const { login } = jsonOf<LoginJson>(await app.login(open, pkce));
  const choose = (profile: string) => app.post('auth/profile', { login, profile });
  const refused = await choose(blocked.membershipId);
  expect([refused.status, refused.json.issue[0]?.details.text]).toEqual([400, expect.stringContaining('address')]);
  const { code } = jsonOf<LoginJson>(await choose(open.membershipId));
  const { access_token: token } = jsonOf<Tokens>(await app.exchange(code, pkce));
  expect(await app.statusOf(token)).toBe(200);
});

test('tokens stay those of the membership that was chosen, however often they are renewed', async () => {
  const first = await app.invite();
  const profile = await app.create({ resourceType: 'Practitioner', name: [{ family: 'Second' }] });
  const second = await app.invite({
    email: first.email,
    forceNewMembership: true,
    membership: { profile: { reference: `Practitioner/${profile.id}` } },
  });
  for (const { membershipId, profile: own } of [second, first]) {
    const pkce = aPkce();
    const { login } = jsonOf<LoginJson>(await app.login(first, pkce, { remember: true }));
    const { code } = jsonOf<LoginJson>(await app.post('auth/profile', { login, profile: membershipId }));
    let tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    for (let renewed = 0; renewed < 3; renewed++) {
      const me = jsonOf<{ membership: { id: string } }>(await app.get('auth/me', tokens.access_token));
      expect([tokens.profile.reference, me.membership.id]).toEqual([own, membershipId]);
      tokens = jsonOf<Tokens>(await app.refresh(tokens.refresh_token));
    }
  }
});

test('log-ins are in no answer about all types, not even to an administrator', async () => {
  await app.tokens(await app.invite(), { remember: true });
  for (const path of ['?_count=1000', '_history?_count=1000', '$meta']) {
    const answer = await plane.fhir(north, path);
    expect([path, answer.status, answer.text.includes('"Login')]).toEqual([path, 200, false]);
    expect([path, /"Practitioner|"Parameters"/.test(answer.text)]).toEqual([path, true]);
  }
  for (const path of ['?_type=Login', '?_type=Patient,Login', 'Login/_history', 'Patient?_has:Login:user:_id=x']) {
    const { status } = await plane.fhir(north, path);
    expect([path, [400, 403].includes(status)]).toEqual([path, true]);
  }
});

test('a new password has 72 bytes at most, however few characters that are', async () => {
  const person = await app.invite();
  const { access_token: token } = await app.tokens(person);
  const change = async (newPassword: string) => {
    const body = { oldPassword: person.password, newPassword };
    const answer = await app.post('auth/changepassword', body, { authorization: `Bearer ${token}` });
    return [answer.status, answer.json.issue[0]?.expression];
  };
  expect(await change('é'.repeat(37))).toEqual([400, ['newPassword']]);
  expect((await change('é'.repeat(36)))[0]).toBe(200);
  expect((await app.login({ ...person, password: 'é'.repeat(36) }, aPkce())).status).toBe(200);
});
