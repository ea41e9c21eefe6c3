/** Accounts that somebody made with the address of somebody else, and links that were sent before others. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aDataPlane, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Tokens } from './identity.fixture.js';
import { type Link, linksTo } from './mailbox.fixture.js';

let plane: TestPlane;
let north: TestProject;
let app: IdentityClient;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'boxyard-takeover-'));
  plane = await aDataPlane({ dataDir });
  north = await plane.createProject('north');
  app = new IdentityClient(plane, north);
  const resource = [{ resourceType: 'Patient', criteria: 'Patient?_compartment=%patient' }];
  const policy = await app.create({ resourceType: 'AccessPolicy', name: 'Patients', resource });
  await app.change(`Project/${north.id}`, (project) => {
    project['defaultPatientAccessPolicy'] = { reference: `AccessPolicy/${policy.id}` };
  });
});

afterAll(async () => {
  await plane?.close();
  await rm(dataDir, { recursive: true, force: true });
});

async function link(email: string, kind: 'setpassword' | 'verifyemail', position = 0): Promise<Link> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const found = (await linksTo(dataDir, north.id, email, kind))[position];
    if (found !== undefined) return found;
    if (Date.now() > deadline) throw new Error('no mail has come');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const setPassword = async (given: Link, password: string): Promise<number> =>
  (await app.post('auth/setpassword', { ...given, password })).status;

const userOf = async (email: string): Promise<Record<string, unknown>> => {
  const { entry } = jsonOf<{ entry: { resource: Record<string, unknown> }[] }>(
    await plane.fhir(north, `User?email:exact=${email}`),
  );
  expect(entry).toHaveLength(1);
  return entry[0]?.resource ?? {};
};

/** Registers as a patient with an address, whoever's it is. */
async function register(email: string): Promise<Tokens> {
  const pkce = aPkce();
  const person = { firstName: 'Eve', lastName: 'Quick', email, password: 'password-of-eve', remember: true };
  const { login } = jsonOf<LoginJson>(await app.post('auth/newuser', { ...person, ...pkce.challenge }));
  const { code } = jsonOf<LoginJson>(await app.post('auth/newpatient', { login, projectId: north.id }));
  return jsonOf(await app.exchange(code, pkce));
}

describe('somebody who has registered as a patient with the address of somebody else', () => {
  const eve = (email: string) => ({ email, password: 'password-of-eve' });
  const membership = { admin: true };

  test.each([
    ['is invited once more', { forceNewMembership: true }],
    ['gets more rights', { resourceType: 'Patient', upsert: true }],
  ])('is out when that person %s, who comes in by the link in the mail', async (way, fields) => {
    const email = `owner-${way.replaceAll(' ', '-')}@north.example`;
    const stolen = await register(email);
    expect(await app.statusOf(stolen.access_token)).toBe(200);
    const pkce = aPkce();
    const begun = jsonOf<LoginJson>(await app.login(eve(email), pkce));
    await app.invite({ email, password: '', sendEmail: true, membership, ...fields });

    expect(await app.statusOf(stolen.access_token)).toBe(401);
    expect((await app.refresh(stolen.refresh_token)).status).toBe(400);
    expect((await app.exchange(begun.code, pkce)).status).toBe(400);
    expect((await app.login(eve(email), aPkce())).status).toBe(400);

    expect(await setPassword(await link(email, 'setpassword'), 'password-of-owner')).toBe(200);
    expect((await app.login(eve(email), aPkce())).status).toBe(400);
    expect((await app.login({ email, password: 'password-of-owner' }, aPkce())).status).toBe(200);
    expect((await userOf(email))['emailVerified']).toBe(true);
  });

  test('is out as well when the invitation brings a password', async () => {
    const email = 'owner-with-password@north.example';
    const stolen = await register(email);
    const owner = await app.invite({ email, forceNewMembership: true });
    expect(await app.statusOf(stolen.access_token)).toBe(401);
    expect((await app.login(eve(email), aPkce())).status).toBe(400);
    expect((await app.login(owner, aPkce())).status).toBe(200);
  });

  test('cannot use a link for a password that was sent before the invitation', async () => {
    const email = 'owner-with-reset@north.example';
    await register(email);
    expect((await app.post('auth/resetpassword', { email })).status).toBe(200);
    const early = await link(email, 'setpassword');
    await app.invite({ email, password: '', sendEmail: false, forceNewMembership: true });
    expect(await setPassword(early, 'password-of-eve-2')).toBe(400);
  });
});

describe('an invitation leaves the password as it is', () => {
  test('of somebody who has registered and shown that the address is theirs', async () => {
    const email = 'pat@north.example';
    const tokens = await register(email);
    expect((await app.post('auth/verifyemail', await link(email, 'verifyemail'))).status).toBe(200);
    await app.invite({ email, password: '', forceNewMembership: true });
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    expect((await app.login({ email, password: 'password-of-eve' }, aPkce())).status).toBe(200);
  });

  test('of somebody whom the project has invited before', async () => {
    const person = await app.invite();
    const tokens = await app.tokens(person);
    await app.invite({ email: person.email, password: '', forceNewMembership: true });
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    expect((await app.login(person, aPkce())).status).toBe(200);
  });
});

describe('a new link', () => {
  test('to set a password ends the one that was sent before', async () => {
    const { email } = await app.invite();
    for (let index = 0; index < 2; index++) {
      expect((await app.post('auth/resetpassword', { email })).status).toBe(200);
      await link(email, 'setpassword', index);
    }
    const [first, second] = [await link(email, 'setpassword', 0), await link(email, 'setpassword', 1)];
    expect(await setPassword(first, 'another-password')).toBe(400);
    expect(await setPassword(second, 'another-password')).toBe(200);
  });

  test('of a second invitation ends that of the first', async () => {
    const email = 'twice-invited@north.example';
    const fields = { email, password: '', sendEmail: true, forceNewMembership: true };
    await app.invite(fields);
    await link(email, 'setpassword');
    await app.invite(fields);
    const second = await link(email, 'setpassword', 1);
    expect(await setPassword(await link(email, 'setpassword'), 'another-password')).toBe(400);
    expect(await setPassword(second, 'another-password')).toBe(200);
  });

  test('for somebody else, or for another purpose, ends none', async () => {
    const [one, other] = ['one-invited@north.example', 'other-invited@north.example'];
    for (const email of [one, other]) await app.invite({ email, password: '', sendEmail: true });
    const [first, second] = [await link(one, 'setpassword'), await link(other, 'setpassword')];
    expect((await app.post('auth/resetpassword', { email: one })).status).toBe(200);
    await link(one, 'setpassword', 1);
    expect(await setPassword(first, 'another-password')).toBe(200);
    expect(await setPassword(second, 'another-password')).toBe(200);
  });
});
