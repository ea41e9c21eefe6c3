import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connectOnce, sql, type OwnedConnection } from '#postgres';
import { Authenticator } from './authenticator.fixture.js';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import {
  aPkce,
  IdentityClient,
  jsonOf,
  type LoginJson,
  type Person,
  type Pkce,
  type Tokens,
} from './identity.fixture.js';

interface FactorJson extends LoginJson {
  readonly mfaRequired?: boolean;
  readonly mfaEnrollRequired?: boolean;
  readonly enrollUri?: string;
  readonly enrollQrCode?: string;
}

interface StatusJson {
  readonly enrolled: boolean;
  readonly enrollUri?: string;
  readonly enrollQrCode?: string;
}

/** Somebody with a second factor, and the log-in in which it was set up. */
interface Enrolled extends Person {
  readonly authenticator: Authenticator;
  readonly tokens: Tokens;
}

let plane: TestPlane;
let north: TestProject;
let south: TestProject;
let app: IdentityClient;
let database: OwnedConnection;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'boxyard-mfa-'));
  plane = await aDataPlane({ dataDir });
  [north, south] = [await plane.createProject('north'), await plane.createProject('south')];
  app = new IdentityClient(plane, north);
  database = await connectOnce(north.tenantUrl);
});

afterAll(async () => {
  await database?.close();
  await plane?.close();
  await rm(dataDir, { recursive: true, force: true });
});

const bearer = ({ access_token: token }: Tokens): Record<string, string> => ({ authorization: `Bearer ${token}` });
const status = async (tokens: Tokens): Promise<StatusJson> =>
  jsonOf(await app.get('auth/mfa/status', tokens.access_token));
const enroll = (tokens: Tokens, token: string): Promise<Answer> =>
  app.post('auth/mfa/enroll', { token }, bearer(tokens));
const disable = (tokens: Tokens, token: string): Promise<Answer> =>
  app.post('auth/mfa/disable', { token }, bearer(tokens));
const verify = (login: string, token: string, of = app): Promise<Answer> =>
  of.post('auth/mfa/verify', { login, token });
const loginEnroll = (login: string, token: string): Promise<Answer> =>
  app.post('auth/mfa/login-enroll', { login, token });
const begin = async (person: Person, pkce: Pkce = aPkce(), more: object = {}): Promise<FactorJson> =>
  jsonOf(await app.login(person, pkce, more));
const refused = ({ status: code, text }: Answer): [number, string, string[] | undefined] => {
  const [issue] = (JSON.parse(text) as { issue: { expression?: string[]; details: { text: string } }[] }).issue;
  return [code, issue?.details.text ?? '', issue?.expression];
};
const WRONG: [number, string, string[]] = [400, 'The code is wrong, or was used already', ['token']];

/** As if it was long ago that the person gave a code: what was given may be given again. */
const forgetCodes = ({ userId }: Person): Promise<unknown> =>
  database.query(sql`UPDATE user_second_factor SET last_step = 0 WHERE user_id = ${userId}`);

async function anEnrolled(fields: Record<string, unknown> = {}): Promise<Enrolled> {
  const person = await app.invite(fields);
  const tokens = await app.tokens(person, { remember: true });
  const authenticator = new Authenticator((await status(tokens)).enrollUri ?? '');
  jsonOf(await enroll(tokens, authenticator.code()));
  await forgetCodes(person);
  return { ...person, authenticator, tokens };
}

/** Tokens of somebody who gives a code. */
async function tokensWithCode(person: Enrolled): Promise<Tokens> {
  const pkce = aPkce();
  const { login } = await begin(person, pkce, { remember: true });
  const { code } = jsonOf<FactorJson>(await verify(login, person.authenticator.code()));
  await forgetCodes(person);
  return jsonOf(await app.exchange(code, pkce));
}

describe('a person who sets up a second factor', () => {
  test('is shown a secret, the same for as long as the log-in, which is stored nowhere', async () => {
    const person = await app.invite();
    const [one, other] = [await app.tokens(person), await app.tokens(person)];
    const answer = await app.get('auth/mfa/status', one.access_token);
    const shown = jsonOf<StatusJson>(answer);
    expect(answer.headers['cache-control']).toBe('no-store');
    expect(shown).toEqual({
      enrolled: false,
      enrollUri: expect.stringMatching(/^otpauth:\/\/totp\//),
      enrollQrCode: expect.stringMatching(/^data:image\/png;base64,/),
    });
    expect(decodeURIComponent(shown.enrollUri ?? '')).toContain(person.email);
    expect(await status(one)).toEqual(shown);
    expect((await status(other)).enrollUri).not.toBe(shown.enrollUri);
    const rows = await database.query(sql`SELECT 1 FROM user_second_factor WHERE user_id = ${person.userId}`);
    expect(rows).toEqual([]);
  });

  test('must give a code of it, and from then on log-ins that have not shown it are over', async () => {
    const person = await app.invite();
    const [mine, other] = [await app.tokens(person, { remember: true }), await app.tokens(person, { remember: true })];
    const authenticator = new Authenticator((await status(mine)).enrollUri ?? '');
    const ofOther = new Authenticator((await status(other)).enrollUri ?? '');
    const [wrong = ''] = authenticator.wrongCodes(1);
    for (const token of [wrong, ofOther.code()]) expect(refused(await enroll(mine, token))).toEqual(WRONG);
    expect(refused(await enroll(mine, ''))[2]).toEqual(['token']);
    expect(await status(mine)).toMatchObject({ enrolled: false });

    expect(jsonOf(await enroll(mine, authenticator.code()))).toMatchObject({
      resourceType: 'OperationOutcome',
      id: 'ok',
    });
    expect(await status(mine)).toEqual({ enrolled: true });
    const me = jsonOf<{ security: object }>(await app.get('auth/me', mine.access_token));
    expect(me.security).toMatchObject({ mfaEnrolled: true, sessions: [expect.anything()] });
    expect(await app.statusOf(other.access_token)).toBe(401);
    expect((await app.refresh(other.refresh_token)).status).toBe(400);
    const next = jsonOf<Tokens>(await app.refresh(mine.refresh_token));
    expect(await app.statusOf(next.access_token)).toBe(200);
    expect(refused(await enroll(mine, authenticator.code(1)))[1]).toContain('already');
  });

  test('has no factor twice, however many requests set it up at the same time', async () => {
    const person = await app.invite();
    const tokens = await app.tokens(person);
    const code = new Authenticator((await status(tokens)).enrollUri ?? '').code();
    const answers = await Promise.all([enroll(tokens, code), enroll(tokens, code), enroll(tokens, code)]);
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400, 400]);
  });

  test('leaves no secret where anybody could read it', async () => {
    const { userId, authenticator } = await anEnrolled();
    const secret = new URL(authenticator.uri).searchParams.get('secret') ?? '';
    const user = await plane.fhir(north, `User/${userId}`);
    const history = await plane.fhir(north, `User/${userId}/_history`);
    expect(jsonOf(user)).toMatchObject({ mfaEnrolled: true });
    const [row] = await database.query<{ sealed: string; raw: Buffer; bodies: string }>(sql`
      SELECT encode(sealed_secret, 'escape') AS sealed, sealed_secret AS raw,
        (SELECT string_agg(h.body, '') FROM resource_history h) || (SELECT string_agg(r.body, '') FROM resource r)
          || (SELECT string_agg(to_jsonb(a)::text, '') FROM audit_event a) AS bodies
      FROM user_second_factor WHERE user_id = ${userId}`);
    for (const text of [user.text, history.text, row?.sealed ?? '', row?.bodies ?? '']) {
      expect(text).not.toContain(secret);
      expect(text).not.toMatch(/mfaSecret|otpauth/);
    }
    expect(row?.raw.includes(Buffer.from(authenticator.bytes))).toBe(false);
    expect((await plane.fhir(north, `User/${userId}`, { method: 'DELETE' })).status).toBe(200);
    expect(await database.query(sql`SELECT 1 FROM user_second_factor WHERE user_id = ${userId}`)).toEqual([]);
  });
});

describe('a log-in of somebody with a second factor', () => {
  test('gives nothing before a code, and then what it gives others', async () => {
    const person = await anEnrolled();
    const pkce = aPkce();
    const waiting = await begin(person, pkce, { remember: true });
    expect(waiting).toEqual({ login: waiting.login, mfaRequired: true });
    const { login } = waiting;
    expect(jsonOf(await app.get(`auth/login/${login}`))).toEqual(waiting);
    expect(jsonOf(await app.post('auth/scope', { login, scope: 'openid' }))).toEqual(waiting);
    expect((await app.post('auth/profile', { login, profile: person.membershipId })).status).toBe(400);
    expect((await app.post('auth/newpatient', { login })).status).toBe(400);
    expect((await loginEnroll(login, person.authenticator.code())).status).toBe(400);
    const [wrong = ''] = person.authenticator.wrongCodes(1);
    expect(refused(await verify(login, wrong))).toEqual(WRONG);

    const answer = await verify(login, person.authenticator.code());
    expect(answer.headers['cache-control']).toBe('no-store');
    const { code, ...rest } = jsonOf<FactorJson>(answer);
    expect(rest).toEqual({ login });
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    expect(await app.statusOf(jsonOf<Tokens>(await app.refresh(tokens.refresh_token)).access_token)).toBe(200);
    const [stored] = await database.query<{ body: string }>(
      sql`SELECT body FROM resource WHERE type = 'Login' AND fhir_id = ${login}`,
    );
    expect(JSON.parse(stored?.body ?? '')).toMatchObject({ authMethod: 'password', mfaVerified: true, granted: true });
    expect((await verify(login, person.authenticator.code(1))).status).toBe(400);
  });

  test('offers the memberships after the code, and not before', async () => {
    const person = await anEnrolled();
    const more = { forceNewMembership: true, membership: { profile: { reference: await aProfile() } } };
    await app.invite({ email: person.email, ...more });
    const pkce = aPkce();
    const waiting = await begin(person, pkce);
    expect(Object.keys(waiting).sort()).toEqual(['login', 'mfaRequired']);
    const { memberships = [], code } = jsonOf<FactorJson>(await verify(waiting.login, person.authenticator.code()));
    expect([memberships.length, code]).toEqual([2, undefined]);
    const chosen = await app.post('auth/profile', { login: waiting.login, profile: person.membershipId });
    expect(jsonOf(await app.exchange(jsonOf<LoginJson>(chosen).code, pkce))).toMatchObject({
      profile: { reference: person.profile },
    });
  });

  test('does not need it any more when it was taken away by a code, and then another secret is offered', async () => {
    const person = await anEnrolled();
    const [wrong = ''] = person.authenticator.wrongCodes(1);
    expect(refused(await disable(person.tokens, wrong))).toEqual(WRONG);
    expect((await begin(person)).mfaRequired).toBe(true);
    expect(jsonOf(await disable(person.tokens, person.authenticator.code()))).toMatchObject({ id: 'ok' });
    expect((await begin(person)).code).toBeDefined();
    const { enrolled, enrollUri } = await status(person.tokens);
    expect([enrolled, enrollUri === person.authenticator.uri]).toEqual([false, false]);
    expect(refused(await disable(person.tokens, person.authenticator.code(1)))[1]).toContain('no second factor');
    jsonOf(await enroll(person.tokens, new Authenticator(enrollUri ?? '').code(1)));
    expect((await begin(person)).mfaRequired).toBe(true);
  });

  test('on the pages for apps asks for the code too', async () => {
    const person = await anEnrolled();
    const redirect = 'https://app.example/cb';
    const client = await app.createClient({ name: 'App', redirectUris: [redirect] });
    const pkce = aPkce();
    const asked = {
      response_type: 'code',
      client_id: client.id,
      redirect_uri: redirect,
      scope: 'openid',
      code_challenge: pkce.challenge.codeChallenge,
      code_challenge_method: 'S256',
    };
    const page = await app.form('oauth2/authorize', { ...asked, email: person.email, password: person.password });
    expect([page.status, page.headers.location]).toEqual([200, undefined]);
    const form = formOf(page.text);
    const [wrong = ''] = person.authenticator.wrongCodes(1);
    const again = await app.form('oauth2/authorize', { ...form, token: wrong });
    expect([again.status, formOf(again.text)]).toEqual([400, form]);
    expect(again.text).toContain('The code is wrong');
    const done = await app.form('oauth2/authorize', { ...form, token: person.authenticator.code() });
    expect(done.status).toBe(303);
    const code = new URL(String(done.headers.location)).searchParams.get('code') ?? '';
    expect((await app.exchange(code, pkce, { client_id: client.id, redirect_uri: redirect })).status).toBe(200);
  });
});

describe('a person who must have a second factor', () => {
  test('sets it up at the log-in, and gives a code at the next', async () => {
    const person = await app.invite({ mfaRequired: true });
    const pkce = aPkce();
    const waiting = await begin(person, pkce);
    const { login, enrollUri = '' } = waiting;
    expect(waiting).toEqual({
      login,
      mfaEnrollRequired: true,
      enrollUri: expect.stringMatching(/^otpauth:/),
      enrollQrCode: expect.stringMatching(/^data:image\/png;base64,/),
    });
    expect(jsonOf(await app.get(`auth/login/${login}`))).toEqual(waiting);
    expect((await begin(person)).enrollUri).not.toBe(enrollUri);
    const authenticator = new Authenticator(enrollUri);
    expect((await verify(login, authenticator.code())).status).toBe(400);
    const [wrong = ''] = authenticator.wrongCodes(1);
    expect(refused(await loginEnroll(login, wrong))).toEqual(WRONG);
    const { code } = jsonOf<FactorJson>(await loginEnroll(login, authenticator.code()));
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    expect(await status(tokens)).toEqual({ enrolled: true });
    expect((await begin(person)).mfaRequired).toBe(true);
  });

  test('may be somebody who is a member already', async () => {
    const person = await app.invite();
    await app.change(`User/${person.userId}`, (user) => (user['mfaRequired'] = true));
    expect((await begin(person)).mfaEnrollRequired).toBe(true);
  });

  test('may be somebody with an account whom a later invitation says it of', async () => {
    const person = await app.invite();
    await app.invite({ email: person.email, upsert: true });
    expect((await begin(person)).code).toBeDefined();
    await app.invite({ email: person.email, upsert: true, mfaRequired: true });
    expect((await begin(person)).mfaEnrollRequired).toBe(true);
  });

  test('sets it up on the pages for apps', async () => {
    const person = await app.invite({ mfaRequired: true });
    const redirect = 'https://app.example/cb';
    const client = await app.createClient({ name: 'App', redirectUris: [redirect] });
    const page = await app.form('oauth2/authorize', {
      response_type: 'code',
      client_id: client.id,
      redirect_uri: redirect,
      code_challenge: aPkce().challenge.codeChallenge,
      code_challenge_method: 'S256',
      email: person.email,
      password: person.password,
    });
    expect(page.headers['content-security-policy']).toContain('img-src data:');
    expect(page.text).toContain('<img src="data:image/png;base64,');
    const uri = /href="(otpauth:[^"]*)"/.exec(page.text)?.[1]?.replaceAll('&amp;', '&') ?? '';
    const authenticator = new Authenticator(uri);
    expect(page.text).toContain(`<code>${new URL(uri).searchParams.get('secret')}</code>`);
    const done = await app.form('oauth2/authorize', { ...formOf(page.text), token: authenticator.code() });
    expect(new URL(String(done.headers.location)).searchParams.has('code')).toBe(true);
  });
});

describe('a second factor holds', () => {
  test('against a code that was used, also in another log-in, and against those before it', async () => {
    const person = await anEnrolled();
    const [first, second] = [await begin(person), await begin(person)];
    const [code, later] = [person.authenticator.code(), person.authenticator.code(1)];
    expect((await verify(first.login, later)).status).toBe(200);
    expect(refused(await verify(second.login, later))).toEqual(WRONG);
    expect(refused(await verify(second.login, code))).toEqual(WRONG);
    expect(refused(await disable(person.tokens, later))).toEqual(WRONG);
  });

  test('against the code with which it was set up', async () => {
    const person = await app.invite();
    const tokens = await app.tokens(person);
    const authenticator = new Authenticator((await status(tokens)).enrollUri ?? '');
    const code = authenticator.code();
    jsonOf(await enroll(tokens, code));
    expect(refused(await verify((await begin(person)).login, code))).toEqual(WRONG);
  });

  test('against the same code at the same time: one gets in', async () => {
    const person = await anEnrolled();
    const logins = [await begin(person), await begin(person), await begin(person)];
    const code = person.authenticator.code();
    const answers = await Promise.all(logins.map(({ login }) => verify(login, code)));
    expect(answers.map((answer) => answer.status).sort()).toEqual([200, 400, 400]);
  });

  test('against the code of somebody else, and another project', async () => {
    const [person, other] = [await anEnrolled(), await anEnrolled()];
    const { login } = await begin(person);
    expect(refused(await verify(login, other.authenticator.code()))).toEqual(WRONG);
    const foreign = await verify(login, person.authenticator.code(), new IdentityClient(plane, south));
    expect(refused(foreign)).toEqual([400, 'There is no such log-in under way', ['login']]);
    expect((await verify(randomUUID(), person.authenticator.code())).status).toBe(400);
    expect((await verify(login, person.authenticator.code())).status).toBe(200);
  });

  test('against a log-in that came to its code before there was the factor', async () => {
    const person = await app.invite();
    const [pkce, tokens] = [aPkce(), await app.tokens(person)];
    const { login, code } = await begin(person, pkce);
    jsonOf(await enroll(tokens, new Authenticator((await status(tokens)).enrollUri ?? '').code()));
    expect((await app.exchange(code, pkce)).status).toBe(400);
    expect(jsonOf(await app.get(`auth/login/${login}`))).toEqual({ login, mfaRequired: true });
  });

  test('against log-ins that have shown the factor before it', async () => {
    const person = await anEnrolled();
    const [early, late] = [aPkce(), aPkce()];
    const exchanged = await begin(person, early);
    const { code } = jsonOf<FactorJson>(await verify(exchanged.login, person.authenticator.code()));
    await forgetCodes(person);
    const resumed = await begin(person, late);
    jsonOf(await verify(resumed.login, person.authenticator.code()));
    await forgetCodes(person);

    jsonOf(await disable(person.tokens, person.authenticator.code()));
    const authenticator = new Authenticator((await status(person.tokens)).enrollUri ?? '');
    jsonOf(await enroll(person.tokens, authenticator.code()));
    await forgetCodes(person);

    expect((await app.exchange(code, early)).status).toBe(400);
    const { login } = resumed;
    expect(jsonOf(await app.get(`auth/login/${login}`))).toEqual({ login, mfaRequired: true });
    const again = jsonOf<FactorJson>(await verify(login, authenticator.code()));
    expect(await app.statusOf(jsonOf<Tokens>(await app.exchange(again.code, late)).access_token)).toBe(200);
  });

  test('against a log-in that gives no code, exchanged all the same', async () => {
    const person = await anEnrolled();
    const pkce = aPkce();
    const { login } = await begin(person, pkce);
    for (const code of [login, `${login}.`, `${login}.${'A'.repeat(43)}`]) {
      expect((await app.exchange(code, pkce)).status).toBe(400);
    }
  });

  test('against a new password, whoever sets it', async () => {
    const person = await anEnrolled();
    const changed = await app.post(
      'auth/changepassword',
      { oldPassword: person.password, newPassword: 'another-password' },
      bearer(person.tokens),
    );
    expect(changed.status).toBe(200);
    expect((await begin({ ...person, password: 'another-password' })).mfaRequired).toBe(true);
    const authorization = `Bearer ${await plane.token(north)}`;
    const set = { email: person.email, password: 'third-password' };
    jsonOf(await app.post('admin/projects/setpassword', set, { authorization }));
    expect((await begin({ ...person, password: 'third-password' })).mfaRequired).toBe(true);
  });

  test('against an administrator who writes the User', async () => {
    const person = await anEnrolled();
    await app.change(`User/${person.userId}`, (user) => {
      user['mfaEnrolled'] = false;
      user['mfaSecret'] = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
    });
    expect(jsonOf(await plane.fhir(north, `User/${person.userId}`))).toMatchObject({ mfaEnrolled: true });
    expect((await begin(person)).mfaRequired).toBe(true);
    expect((await tokensWithCode(person)).access_token).toBeDefined();
  });

  test('against an app that was given a part of the rights', async () => {
    const [person, enrolled] = [await app.invite(), await anEnrolled()];
    const tokens = await app.tokens(person, { scope: 'openid user/Patient.rs' });
    expect((await app.get('auth/mfa/status', tokens.access_token)).status).toBe(403);
    expect((await enroll(tokens, '123456')).status).toBe(403);
    const pkce = aPkce();
    const { login } = await begin(enrolled, pkce, { scope: 'openid patient/*.rs' });
    const { code } = jsonOf<FactorJson>(await verify(login, enrolled.authenticator.code()));
    await forgetCodes(enrolled);
    expect((await disable(jsonOf(await app.exchange(code, pkce)), enrolled.authenticator.code())).status).toBe(403);
    expect(await status(enrolled.tokens)).toEqual({ enrolled: true });
  });

  test('is for people', async () => {
    const token = await plane.token(north);
    expect((await app.get('auth/mfa/status', token)).status).toBe(400);
    const authorization = `Bearer ${token}`;
    expect((await app.post('auth/mfa/enroll', { token: '123456' }, { authorization })).status).toBe(400);
    expect((await app.get('auth/mfa/status')).status).toBe(401);
  });

  test('is guessed at slowly, however often the password is given', async () => {
    const person = await anEnrolled();
    const statuses: number[] = [];
    for (const code of person.authenticator.wrongCodes(12)) {
      statuses.push((await verify((await begin(person)).login, code)).status);
      if (statuses.at(-1) === 429) break;
    }
    expect(statuses.slice(0, 5)).toEqual([400, 400, 400, 400, 400]);
    expect(statuses.at(-1)).toBe(429);
    // As if there had been more guesses just now.
    await database.query(sql`UPDATE login_attempt SET failed_at = failed_at || array_fill(clock_timestamp(), '{10}')`);
    // While guesses are held back, the right code is too: otherwise it could be told from the others.
    const { login } = await begin(person);
    const held = await verify(login, person.authenticator.code());
    expect([held.status, Number(held.headers['retry-after'])]).toEqual([429, expect.any(Number)]);
    // The account itself counts, so its own log-in is held back as well.
    expect((await disable(person.tokens, person.authenticator.code())).status).toBe(429);
  });
});

test('a hundred wrong codes in a row are the last, until a new password is set', async () => {
  const person = await anEnrolled();
  await database.query(sql`UPDATE user_second_factor SET tries = 99 WHERE user_id = ${person.userId}`);
  const [wrong = ''] = person.authenticator.wrongCodes(1);
  const { login } = await begin(person);
  expect(refused(await verify(login, wrong))).toEqual(WRONG);
  const locked = await verify(login, person.authenticator.code());
  expect(refused(locked)).toEqual([400, expect.stringContaining('Too many wrong codes'), ['token']]);
  expect((await disable(person.tokens, person.authenticator.code())).status).toBe(400);
  const newPassword = 'another-password';
  const change = { oldPassword: person.password, newPassword };
  jsonOf(await app.post('auth/changepassword', change, bearer(person.tokens)));
  const next = await begin({ ...person, password: newPassword });
  expect((await verify(next.login, person.authenticator.code())).status).toBe(200);
  const [row] = await database.query(sql`SELECT tries FROM user_second_factor WHERE user_id = ${person.userId}`);
  expect(row).toEqual({ tries: 0 });
});

test('an account that begins anew by an invitation has no second factor of somebody before', async () => {
  const person = await anEnrolled();
  await app.change(`ProjectMembership/${person.membershipId}`, (membership) => (membership['active'] = false));
  const again = await app.invite({ email: person.email, forceNewMembership: true });
  expect(again.userId).toBe(person.userId);
  expect((await begin(again)).code).toBeDefined();
  expect(jsonOf(await plane.fhir(north, `User/${person.userId}`))).toMatchObject({ mfaEnrolled: false });
});

test('the audit tells who gave a code, and who gave a wrong one', async () => {
  const person = await anEnrolled();
  const { login } = await begin(person);
  const [wrong = ''] = person.authenticator.wrongCodes(1);
  await verify(login, wrong);
  await verify(login, person.authenticator.code());
  const outcomes = async (): Promise<{ outcome: number; detail: string | null }[]> =>
    database.query(sql`
      SELECT outcome, detail FROM audit_event
      WHERE agent = ${`User/${person.userId}`} AND entity = 'auth/mfa/verify' ORDER BY recorded, id`);
  const deadline = Date.now() + 30_000;
  while ((await outcomes()).length < 2 && Date.now() < deadline) await new Promise((done) => setTimeout(done, 50));
  expect((await outcomes()).map(({ outcome }) => outcome).sort()).toEqual([0, 4]);
});

async function aProfile(): Promise<string> {
  const profile = await app.create({ resourceType: 'Practitioner', name: [{ family: 'Quay', given: ['Bay'] }] });
  return `Practitioner/${profile.id}`;
}

/** What a page's form sends besides what people type. */
function formOf(page: string): Record<string, string> {
  const unescaped = (text: string): string => text.replaceAll('&quot;', '"').replaceAll('&amp;', '&');
  const hidden = [...page.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)" \/>/g)];
  const button = /<button name="([^"]*)" value="([^"]*)">/.exec(page);
  const fields = [...hidden, ...(button === null ? [] : [button])];
  return Object.fromEntries(fields.map(([, name = '', value = '']) => [name, unescaped(value)]));
}
