import { createPublicKey, generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import jwt from 'jsonwebtoken';
import { createUser, forgetExpiredLogins, tenantDatabase } from '#fhir-store';
import { hashPassword, systemClock, verifyPassword } from '#platform';
import { connectOnce, sql } from '#postgres';
import { systemPolicy } from '#access-policy';
import { LoginBackoff } from '../../apps/data-plane/src/auth/login-backoff.js';
import { PersonAuthenticator } from '../../apps/data-plane/src/auth/login/person-authenticator.js';
import type { TenantEntry } from '#tenancy';
import { aDataPlane, type Answer, type TestPlane, type TestProject } from './data-plane.fixture.js';
import { aPkce, IdentityClient, jsonOf, type LoginJson, type Person, type Tokens } from './identity.fixture.js';
import { aTenant } from './store.fixture.js';

let plane: TestPlane;
let north: TestProject;
let south: TestProject;
let app: IdentityClient;
let foreign: IdentityClient;
let ana: Person;
let dataDir: string;

beforeAll(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'boxyard-attacks-'));
  plane = await aDataPlane({ dataDir });
  [north, south] = [await plane.createProject('north'), await plane.createProject('south')];
  [app, foreign] = [new IdentityClient(plane, north), new IdentityClient(plane, south)];
  ana = await app.invite();
});

afterAll(async () => {
  await plane?.close();
  await rm(dataDir, { recursive: true, force: true });
});

describe('an access token that was not given by the project', () => {
  let good: Tokens;
  let claims: jwt.JwtPayload;

  beforeAll(async () => {
    good = await app.tokens(ana, { remember: true });
    claims = jwt.decode(good.access_token) as jwt.JwtPayload;
  });

  const publicPem = (): string => createPublicKey(north.privateKey).export({ format: 'pem', type: 'spki' }).toString();
  const sign = (header: object, key: jwt.Secret = north.privateKey, change: object = {}): string =>
    jwt.sign({ ...claims, ...change }, key, {
      algorithm: 'ES256',
      header: { alg: 'ES256', typ: 'at+jwt', kid: north.kid, ...header },
    });
  const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString('base64url');
  const unsigned = (header: object): string => `${[header, claims].map(encoded).join('.')}.`;
  /** Signed by hand, because the library refuses to take a public key for a shared secret. */
  const hmac = async (): Promise<string> => {
    const { createHmac } = await import('node:crypto');
    const text = unsigned({ alg: 'HS256', typ: 'at+jwt', kid: north.kid }).slice(0, -1);
    return `${text}.${createHmac('sha256', publicPem()).update(text).digest('base64url')}`;
  };
  const ownKey = generateKeyPairSync('ec', { namedCurve: 'P-256' });

  test('the same claims signed by the project are good, so that what follows is refused for its own reason', async () => {
    expect(await app.statusOf(sign({}))).toBe(200);
  });

  test.each<[string, () => string | Promise<string>]>([
    ['a payload that is no JSON', () => `${encoded({ alg: 'ES256', typ: 'JWT' })}.YWJj.aaaa`],
    ['a payload that is null', () => `${encoded({ alg: 'ES256', typ: 'at+jwt', kid: north.kid })}.bnVsbA.aaaa`],
    ['no signature (none)', () => unsigned({ alg: 'none', typ: 'at+jwt', kid: north.kid })],
    ['no signature (NONE)', () => unsigned({ alg: 'NONE', typ: 'at+jwt', kid: north.kid })],
    ['no signature (ES256)', () => unsigned({ alg: 'ES256', typ: 'at+jwt', kid: north.kid })],
    ['the public key as a shared secret', hmac],
    ['another key under our key id', () => sign({}, ownKey.privateKey)],
    [
      'a key in its header',
      () => sign({ kid: 'mine', jwk: ownKey.publicKey.export({ format: 'jwk' }) }, ownKey.privateKey),
    ],
    ['the address of a key', () => sign({ kid: 'mine', jku: 'http://127.0.0.1:9/keys' }, ownKey.privateKey)],
    ['a path as its key id', () => sign({ kid: '../../../../dev/null' }, ownKey.privateKey)],
    ['SQL as its key id', () => sign({ kid: `x' OR '1'='1` }, ownKey.privateKey)],
    ['a list of key ids', () => unsigned({ alg: 'ES256', typ: 'at+jwt', kid: [north.kid] })],
    ['__proto__ as its key id', () => sign({ kid: '__proto__' }, ownKey.privateKey)],
    ['the key of another project', () => sign({ kid: south.kid }, south.privateKey)],
    ["another project's key under our key id", () => sign({}, south.privateKey)],
    ['the type of an ID token', () => sign({ typ: 'JWT' })],
    ['an expiry a second ago', () => sign({}, north.privateKey, { exp: Math.floor(Date.now() / 1000) - 1 })],
    ['a beginning in the future', () => sign({}, north.privateKey, { nbf: Math.floor(Date.now() / 1000) + 60 })],
    [
      "somebody else's membership",
      async () => sign({}, north.privateKey, { membership: (await app.invite()).membershipId }),
    ],
    ["somebody else's name", async () => sign({}, north.privateKey, { username: (await app.invite()).userId })],
    ['a client through which nobody came', () => sign({}, north.privateKey, { client_id: north.clientId })],
    ['an ID token', () => good.id_token ?? ''],
    ['a refresh token', () => good.refresh_token ?? ''],
    ['a code', async () => jsonOf<LoginJson>(await app.login(ana, aPkce())).code ?? ''],
    ['the id of a log-in', () => String(claims['login_id'])],
  ])('is refused with %s', async (_name, make) => {
    const answer = await app.get('fhir/R4/Practitioner', await make());
    expect([answer.status, answer.json.id, answer.json.issue[0]?.code]).toEqual([401, 'unauthorized', 'login']);
  });

  test('is refused by the project whose it is not', async () => {
    expect(await foreign.statusOf(good.access_token)).toBe(401);
    expect((await foreign.refresh(good.refresh_token)).json.error).toBe('invalid_grant');
    expect((await foreign.get(`auth/login/${String(claims['login_id'])}`)).status).toBe(400);
    expect((await foreign.login(ana, aPkce())).status).toBe(400);
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce));
    expect((await foreign.exchange(code, pkce)).json.error).toBe('invalid_grant');
    expect((await app.exchange(code, pkce)).status).toBe(200);
  });
});

describe('a code', () => {
  test('cannot be exchanged without the verifier of its challenge', async () => {
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce));
    const tries: Record<string, string>[] = [
      { code_verifier: '' },
      { code_verifier: aPkce().verifier },
      { code_verifier: pkce.challenge.codeChallenge },
      { code_verifier: '', code_challenge_method: 'plain' },
      { code_verifier: '', client_id: north.clientId, client_secret: north.clientSecret },
    ];
    for (const more of tries) expect((await app.exchange(code, pkce, more)).status).toBe(400);
    expect((await app.exchange(code, pkce)).status).toBe(200);
  });

  test('without a challenge is for the proved client alone that may do so', async () => {
    const client = await app.createClient({ name: 'Server', redirectUris: ['https://server.example/cb'] });
    const without = { codeChallenge: '', codeChallengeMethod: '', clientId: client.id };
    expect((await app.login(ana, aPkce(), without)).status).toBe(400);
    await app.change(`ClientApplication/${client.id}`, (resource) => (resource['pkceOptional'] = true));
    const { code } = jsonOf<LoginJson>(await app.login(ana, aPkce(), without));
    const exchange = (form: Record<string, string>): Promise<Answer> =>
      app.form('oauth2/token', { grant_type: 'authorization_code', code: code ?? '', ...form });
    expect((await exchange({ client_id: client.id })).json.error).toBe('invalid_grant');
    expect((await exchange({ client_id: client.id, client_secret: 'wrong' })).json.error).toBe('invalid_client');
    expect((await exchange({ client_id: north.clientId, client_secret: north.clientSecret })).status).toBe(400);
    const proof = { client_id: client.id, client_secret: client.secret };
    expect((await exchange({ ...proof, code_verifier: aPkce().verifier })).json.error).toBe('invalid_grant');
    expect((await exchange(proof)).status).toBe(200);
  });

  test('of one client cannot be used in the name of another', async () => {
    const client = await app.createClient({ name: 'One' });
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce, { clientId: client.id }));
    expect((await app.exchange(code, pkce, { client_id: north.clientId })).json.error).toBe('invalid_grant');
    expect((await app.exchange(code, pkce)).status).toBe(200);
  });

  test('that is used a second time ends the log-in of the first', async () => {
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce, { remember: true }));
    const tokens = jsonOf<Tokens>(await app.exchange(code, pkce));
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    // Whoever has the code need not have the verifier for the owner to be warned.
    const replay = await app.exchange(code, aPkce());
    expect([replay.status, replay.json.error]).toEqual([400, 'invalid_grant']);
    expect(await app.statusOf(tokens.access_token)).toBe(401);
    expect((await app.refresh(tokens.refresh_token)).json.error).toBe('invalid_grant');
  });

  test('that is used by many at the same time leaves nobody logged in', async () => {
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce));
    const answers = await Promise.all(Array.from({ length: 6 }, () => app.exchange(code, pkce)));
    const given = answers.filter(({ status }) => status === 200);
    expect(given).toHaveLength(1);
    expect(await app.statusOf(jsonOf<Tokens>(given[0]!).access_token)).toBe(401);
  });

  test('that somebody made up says nothing and ends nothing', async () => {
    const tokens = await app.tokens(ana, { remember: true });
    const { login_id: loginId } = jwt.decode(tokens.access_token) as jwt.JwtPayload;
    const made = `${String(loginId)}.${randomBytes(32).toString('base64url')}`;
    const codes = [made, `${randomUUID()}.${randomBytes(32).toString('base64url')}`, 'x', '', "' OR 1=1 --"];
    const texts = await Promise.all(
      codes.filter(Boolean).map(async (code) => (await app.exchange(code, aPkce())).text),
    );
    expect(new Set(texts).size).toBe(1);
    expect(await app.statusOf(tokens.access_token)).toBe(200);
  });

  test('is too old after ten minutes', async () => {
    const pkce = aPkce();
    const { login, code } = jsonOf<LoginJson>(await app.login(ana, pkce));
    await onDatabase(north, (connection) =>
      connection.query(sql`
        UPDATE login_session SET code_expires_at = clock_timestamp() - interval '1 second' WHERE login_id = ${login}`),
    );
    expect((await app.exchange(code, pkce)).json.error).toBe('invalid_grant');
  });
});

describe('a refresh token', () => {
  test('that is used again ends the whole log-in', async () => {
    const first = await app.tokens(ana, { remember: true });
    const second = jsonOf<Tokens>(await app.refresh(first.refresh_token));
    expect((await app.refresh(first.refresh_token)).json.error).toBe('invalid_grant');
    expect((await app.refresh(second.refresh_token)).json.error).toBe('invalid_grant');
    expect(await Promise.all([first, second].map((tokens) => app.statusOf(tokens.access_token)))).toEqual([401, 401]);
  });

  test('that is used by many at the same time gives tokens to one of them, which do not last', async () => {
    const first = await app.tokens(ana, { remember: true });
    const answers = await Promise.all(Array.from({ length: 6 }, () => app.refresh(first.refresh_token)));
    const given = answers.filter(({ status }) => status === 200);
    expect(given).toHaveLength(1);
    expect(await app.statusOf(jsonOf<Tokens>(given[0]!).access_token)).toBe(401);
  });

  test('that somebody made up from the id of a log-in ends nothing', async () => {
    const tokens = await app.tokens(ana, { remember: true });
    const [loginId = '', family = ''] = (tokens.refresh_token ?? '').split('.');
    const secret = randomBytes(32).toString('base64url');
    for (const made of [`${loginId}.${secret}.${secret}`, `${loginId}.${secret}`, `${loginId}..`, family, 'x']) {
      expect((await app.refresh(made)).json.error).toBe('invalid_grant');
    }
    expect(await app.statusOf(tokens.access_token)).toBe(200);
    expect((await app.refresh(tokens.refresh_token)).status).toBe(200);
  });

  test('is kept as a hash, like codes and links', async () => {
    const tokens = await app.tokens(ana, { remember: true });
    const secrets = (tokens.refresh_token ?? '').split('.').slice(1);
    const everything = await onDatabase(north, async (connection) => {
      const rows = await connection.query<{ row: string }>(sql`
        SELECT to_jsonb(s)::text AS row FROM login_session s
        UNION ALL SELECT body FROM resource UNION ALL SELECT body FROM resource_history
        UNION ALL SELECT to_jsonb(a)::text FROM audit_event a`);
      return rows.map(({ row }) => row).join('\n');
    });
    expect(secrets).toHaveLength(2);
    for (const secret of secrets) expect(everything).not.toContain(secret);
  });
});

describe('the authorization endpoint', () => {
  let clientId: string;
  let two: Person;
  const address = 'https://app.example/cb';

  beforeAll(async () => {
    clientId = (await app.createClient({ name: 'App <b>"&', redirectUris: [address] })).id;
    two = await app.invite({ firstName: '<i>Bea', lastName: 'Two' });
    const profile = await app.create({ resourceType: 'Practitioner', name: [{ family: 'Other' }] });
    await app.invite({
      email: two.email,
      forceNewMembership: true,
      membership: { profile: { reference: `Practitioner/${profile.id}` } },
    });
  });

  const query = (pkce = aPkce(), change: Record<string, string> = {}): Record<string, string> => ({
    response_type: 'code',
    client_id: clientId,
    redirect_uri: address,
    scope: 'openid offline_access',
    state: 'st&ate"',
    code_challenge: pkce.challenge.codeChallenge,
    code_challenge_method: 'S256',
    ...change,
  });
  const show = (parameters: Record<string, string>): Promise<Answer> =>
    app.get(`oauth2/authorize?${new URLSearchParams(parameters).toString()}`);
  const submit = (form: Record<string, string>): Promise<Answer> => app.form('oauth2/authorize', form);

  test.each<[string, Record<string, string>]>([
    ['another host', { redirect_uri: 'https://evil.example/cb' }],
    ['a longer path', { redirect_uri: `${address}/more` }],
    ['a query', { redirect_uri: `${address}?next=https://evil.example` }],
    ['a user name', { redirect_uri: 'https://app.example@evil.example/cb' }],
    ['another scheme', { redirect_uri: 'http://app.example/cb' }],
    ['a script', { redirect_uri: 'javascript:alert(1)' }],
    ['no address', { redirect_uri: '' }],
    ['an unknown client', { client_id: randomUUID() }],
    ['no client', { client_id: '' }],
    ['a client without addresses', { client_id: 'admin' }],
  ])('sends nobody anywhere with %s', async (_name, change) => {
    const parameters = query(aPkce(), {
      ...change,
      ...(change['client_id'] === 'admin' ? { client_id: north.clientId } : {}),
    });
    const answers = [
      await show(parameters),
      await show({ ...parameters, response_type: 'token' }),
      await show({ ...parameters, prompt: 'none' }),
      await submit({ ...parameters, email: ana.email, password: ana.password }),
    ];
    for (const answer of answers) {
      expect([answer.status, answer.headers.location]).toEqual([400, undefined]);
      expect(answer.headers['content-type']).toContain('text/html');
    }
  });

  test('does not take a parameter that comes twice for the one it likes', async () => {
    const parameters = new URLSearchParams(query());
    parameters.append('redirect_uri', 'https://evil.example/cb');
    const answer = await app.get(`oauth2/authorize?${parameters.toString()}`);
    expect([answer.status, answer.headers.location]).toEqual([400, undefined]);
  });

  test('tells the client of other flaws, with the state and without a page', async () => {
    const answer = await show(query(aPkce(), { code_challenge: '', code_challenge_method: '' }));
    const location = new URL(answer.headers.location ?? '');
    expect([answer.status, location.origin + location.pathname]).toEqual([303, address]);
    expect(Object.fromEntries(location.searchParams)).toMatchObject({ error: 'invalid_request', state: 'st&ate"' });
  });

  test('shows pages that run nothing, load nothing and cannot be framed, with every value as text', async () => {
    const page = await show(query(aPkce(), { login_hint: '"><script>alert(1)</script>' }));
    expect(page.status).toBe(200);
    expect(page.headers['content-security-policy']).toMatch(
      /^default-src 'none'; style-src 'nonce-[^']+'; form-action 'self' https:\/\/app\.example; frame-ancestors 'none'; base-uri 'none'$/,
    );
    expect(page.headers).toMatchObject({
      'x-frame-options': 'DENY',
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    });
    expect(page.text).not.toMatch(/<script|<b>|"&"/);
    expect(page.text).toContain('App &lt;b&gt;&quot;&amp;');
  });

  test('gives a code to who signs in, which is good for the same address and verifier alone', async () => {
    const pkce = aPkce();
    const wrong = await submit({ ...query(pkce), email: ana.email, password: 'wrong-password' });
    expect([wrong.status, wrong.headers.location]).toEqual([400, undefined]);
    const signed = await submit({ ...query(pkce), email: ana.email, password: ana.password });
    const location = new URL(signed.headers.location ?? '');
    expect([signed.status, location.origin + location.pathname]).toEqual([303, address]);
    expect(location.searchParams.get('state')).toBe('st&ate"');
    expect(location.searchParams.get('iss')).toContain('north.fhir.test');
    const code = location.searchParams.get('code') ?? '';
    const exchange = (more: Record<string, string>): Promise<Answer> =>
      app.exchange(code, pkce, { client_id: clientId, redirect_uri: address, ...more });
    expect((await exchange({ redirect_uri: 'https://evil.example/cb' })).json.error).toBe('invalid_grant');
    expect((await exchange({ redirect_uri: '' })).json.error).toBe('invalid_grant');
    const tokens = jsonOf<Tokens>(await exchange({}));
    expect(jwt.decode(tokens.access_token)).toMatchObject({ client_id: clientId });
    expect(tokens.refresh_token).toBeDefined();
  });

  test('lets somebody with several profiles choose one, in that log-in only', async () => {
    const pkce = aPkce();
    const page = await submit({ ...query(pkce), email: two.email, password: two.password });
    expect(page.text).toContain('&lt;i&gt;Bea Two');
    const login = /name="login" value="([^"]+)"/.exec(page.text)?.[1] ?? '';
    const otherClient = await app.createClient({ name: 'Thief', redirectUris: ['https://evil.example/cb'] });
    const stolen = await submit({
      ...query(pkce, { client_id: otherClient.id, redirect_uri: 'https://evil.example/cb' }),
      login,
      profile: two.membershipId,
    });
    expect([stolen.status, stolen.headers.location]).toEqual([200, undefined]);
    const foreignProfile = await submit({ ...query(pkce), login, profile: ana.membershipId });
    expect([foreignProfile.status, foreignProfile.headers.location]).toEqual([400, undefined]);
    const chosen = await submit({ ...query(pkce), login, profile: two.membershipId });
    const code = new URL(chosen.headers.location ?? '').searchParams.get('code') ?? '';
    expect((await app.exchange(code, pkce, { redirect_uri: address })).status).toBe(200);
  });
});

describe('a session that its owner has ended', () => {
  test.each<[string, (authorization: string, owner: { person: Person; login: string }) => Promise<Answer>]>([
    ['auth/revoke', (authorization, { login }) => app.post('auth/revoke', { loginId: login }, { authorization })],
    [
      'auth/changepassword',
      (authorization, { person }) =>
        app.post(
          'auth/changepassword',
          { oldPassword: person.password, newPassword: 'stolen-password' },
          { authorization },
        ),
    ],
    ['oauth2/logout', (authorization) => app.post('oauth2/logout', {}, { authorization })],
    [
      '$validate',
      (authorization) => app.post('fhir/R4/Patient/$validate', { resourceType: 'Patient' }, { authorization }),
    ],
  ])('does nothing more, although the server still knows it: %s', async (_route, act) => {
    const person = await app.invite();
    const [thief, owner] = [await app.tokens(person), await app.tokens(person)];
    const loginOf = ({ access_token: token }: Tokens): string => (jwt.decode(token) as { login_id: string }).login_id;
    expect(await app.statusOf(thief.access_token)).toBe(200);
    const ended = { loginId: loginOf(thief) };
    jsonOf(await app.post('auth/revoke', ended, { authorization: `Bearer ${owner.access_token}` }));
    const answer = await act(`Bearer ${thief.access_token}`, { person, login: loginOf(owner) });
    expect(answer.status).toBe(401);
    expect(await app.statusOf(owner.access_token)).toBe(200);
    expect((await app.login(person, aPkce())).status).toBe(200);
  });
});

describe('somebody who guesses', () => {
  test('has the same work done for unknown addresses, wrong passwords and people without one', async () => {
    const store = await aTenant();
    try {
      const caller = { policy: systemPolicy('test'), agent: 'test', requestId: 'r' };
      const names = { firstName: 'Ana', lastName: 'Quay' };
      const passwordHash = await hashPassword('right-password', 'test');
      await store.tenant.use((connection) =>
        connection.transaction(async (transaction) => {
          const scope = { connection: transaction, epoch: undefined };
          const context = { tenant: store.tenant, caller };
          await createUser(context, scope, { ...names, email: 'known@example.org', passwordHash });
          await createUser(context, scope, { ...names, email: 'without@example.org' });
        }),
      );
      const work: string[] = [];
      let statements = 0;
      const people = new PersonAuthenticator(new LoginBackoff(systemClock), async (password, hash, line) => {
        work.push(`${hash === undefined ? 'a hash of nothing' : 'a hash'} in ${line}`);
        return verifyPassword(password, hash, line);
      });
      const database = tenantDatabase({
        ...store.tenant,
        use: (task) => {
          statements++;
          return store.tenant.use(task);
        },
      });
      const counts: number[] = [];
      for (const email of ['known@example.org', 'without@example.org', 'unknown@example.org']) {
        statements = 0;
        const entry = { projectId: store.tenant.projectId } as TenantEntry;
        const runtime = { entry, database };
        expect(await people.authenticate(runtime, { email, password: 'wrong-password' }, '10.0.0.1')).toBeUndefined();
        counts.push(statements);
      }
      expect(counts).toEqual([3, 3, 3]);
      const nothing = `a hash of nothing in ${store.tenant.projectId}`;
      expect(work).toEqual([`a hash in ${store.tenant.projectId}`, nothing, nothing]);
    } finally {
      await store.close();
    }
  });

  test('cannot fill a mailbox', async () => {
    const email = 'flooded@example.org';
    const statuses: number[] = [];
    for (let index = 0; index < 6; index++) statuses.push((await app.post('auth/resetpassword', { email })).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429]);
  });
});

describe('what a request says beyond what it may', () => {
  const everything = {
    admin: true,
    user: { reference: `User/${randomUUID()}` },
    membership: { admin: true, accessPolicy: undefined },
    membershipId: randomUUID(),
    granted: true,
    superAdmin: true,
    project: { reference: 'Project/other' },
    meta: { project: 'other', author: { reference: 'Practitioner/other' } },
    id: randomUUID(),
    resourceType: '',
    __proto__: { admin: true },
  };

  test('is ignored by the log-in', async () => {
    const pkce = aPkce();
    const { code } = jsonOf<LoginJson>(await app.login(ana, pkce, everything));
    const tokens = jsonOf<Tokens>(
      await app.exchange(code, pkce, {
        membership: randomUUID(),
        profile: 'Patient/x',
        scope: 'system/*.cruds',
        admin: 'true',
      }),
    );
    expect([tokens.profile.reference, tokens.scope]).toEqual([ana.profile, 'openid']);
    const me = jsonOf<{ membership: { id: string; admin: boolean } }>(await app.get('auth/me', tokens.access_token));
    expect(me.membership).toMatchObject({ id: ana.membershipId, admin: false });
  });

  test('is ignored by the registration', async () => {
    const policy = await foreign.create({
      resourceType: 'AccessPolicy',
      name: 'Patients',
      resource: [{ resourceType: 'Patient' }],
    });
    await foreign.change(`Project/${south.id}`, (project) => {
      project['defaultPatientAccessPolicy'] = { reference: `AccessPolicy/${policy.id}` };
    });
    const pkce = aPkce();
    const { login } = jsonOf<LoginJson>(
      await foreign.post('auth/newuser', {
        ...everything,
        firstName: 'Eve',
        lastName: 'Pushy',
        email: 'eve@example.org',
        password: 'long-enough',
        emailVerified: true,
        ...pkce.challenge,
      }),
    );
    const { code } = jsonOf<LoginJson>(
      await foreign.post('auth/newpatient', { ...everything, login, accessPolicy: { reference: 'AccessPolicy/all' } }),
    );
    const tokens = jsonOf<Tokens>(await foreign.exchange(code, pkce));
    const { login_id: _login, membership } = jwt.decode(tokens.access_token) as jwt.JwtPayload;
    const stored = jsonOf<Record<string, unknown>>(await plane.fhir(south, `ProjectMembership/${String(membership)}`));
    expect(stored).toMatchObject({ accessPolicy: { reference: `AccessPolicy/${policy.id}` } });
    expect(stored['admin']).toBeUndefined();
    const { reference } = stored['user'] as { reference: string };
    expect(jsonOf<Record<string, unknown>>(await plane.fhir(south, reference))['emailVerified']).toBe(false);
  });

  test.each(['[]', '7', 'null', '"x"', '{', '', '{"email":{"$gt":""},"password":{"$gt":""}}'])(
    'and bodies like %s are a 400',
    async (body) => {
      for (const path of ['auth/login', 'auth/profile', 'auth/newuser', 'auth/setpassword', 'auth/resetpassword']) {
        const answer = await plane.call({
          method: 'POST',
          path: `${north.path}${path}`,
          headers: { 'content-type': 'application/fhir+json' },
          body,
        });
        expect([path, answer.status]).toEqual([path, 400]);
      }
    },
  );
});

describe('log-ins that are over', () => {
  test('are removed with their versions when others begin, and those that last are not', async () => {
    const [over, lasting] = [await app.tokens(ana), await app.tokens(ana)];
    const idOf = (tokens: Tokens) => String((jwt.decode(tokens.access_token) as jwt.JwtPayload)['login_id']);
    await app.post('oauth2/logout', {}, { authorization: `Bearer ${over.access_token}` });
    const rows = (id: string) =>
      onDatabase(north, async (connection) => {
        const [row] = await connection.query<{ number: string }>(sql`
          SELECT (SELECT count(*) FROM resource WHERE type = 'Login' AND fhir_id = ${id})
               + (SELECT count(*) FROM resource_history h WHERE body LIKE ${`%"id":"${id}"%`})
               + (SELECT count(*) FROM login_session WHERE login_id = ${id}) AS number`);
        return Number(row?.number);
      });
    expect([await rows(idOf(over)), await rows(idOf(lasting))]).toEqual([3, 2]);
    await onDatabase(north, (connection) =>
      connection.query(sql`
        UPDATE login_session SET expires_at = clock_timestamp() - interval '2 days' WHERE login_id = ${idOf(over)}`),
    );
    await onDatabase(north, (connection) => forgetExpiredLogins(connection));
    expect([await rows(idOf(over)), await rows(idOf(lasting))]).toEqual([0, 2]);
    expect(await app.statusOf(lasting.access_token)).toBe(200);
  });
});

async function onDatabase<T>(
  project: TestProject,
  work: (connection: Awaited<ReturnType<typeof connectOnce>>) => Promise<T>,
): Promise<T> {
  const connection = await connectOnce(project.tenantUrl);
  try {
    return await work(connection);
  } finally {
    await connection.close();
  }
}
