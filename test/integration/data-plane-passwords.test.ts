/** Passwords, registrations and addresses that are proved by mail. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import {
  aPkce,
  IdentityClient,
  issue,
  jsonOf,
  readEpoch,
  until,
  type LoginJson,
  type Person,
  type Tokens,
} from './identity.fixture.js';

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
