import { createHmac } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import jwt from 'jsonwebtoken';
import { AuditRepository, OperatorRepository } from '#control-database';
import { deriveKey, hashPassword, uuidv7 } from '#platform';
import { aDatabase } from '#testing';
import { aControlPlane, adminPassword, masterKey, type ControlPlane } from './control-plane.fixture.js';

let plane: ControlPlane;
beforeAll(async () => {
  plane = await aControlPlane();
});
afterAll(async () => {
  await plane.stop();
});

let addresses = 0;
const anAddress = () => `10.0.${Math.floor(++addresses / 250)}.${(addresses % 250) + 1}`;

async function deniedRecords(target?: string) {
  const records = await new AuditRepository(plane.dataSource).listAfter('0', 10_000);
  return records.filter(({ outcome, target: of }) => outcome !== 'success' && (target === undefined || of === target));
}

describe('the first operator', () => {
  test('a generated password is announced once and kept in a file of its owner, and it works', async () => {
    const fresh = await aControlPlane({ config: { adminPassword: undefined }, withoutLogin: true });
    expect(fresh.announced).toHaveLength(1);
    const [, email, password] = /^Bootstrap admin: (\S+) \/ ([A-Za-z0-9_-]{43})$/.exec(fresh.announced[0]!) ?? [];
    expect(email).toBe('admin@example.com');
    const file = path.join(fresh.dataDir, 'bootstrap-admin.json');
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ email, password });
    expect((await fresh.login(email!, password!)).status).toBe(200);
    expect(fresh.log()).not.toContain(password);
    await fresh.stop();
  });

  test('two replicas that start at once make one operator, and a later start makes none', async () => {
    const database = await aDatabase();
    const options = { database, config: { adminPassword: undefined }, withoutLogin: true };
    const replicas = await Promise.all([aControlPlane(options), aControlPlane(options)]);
    const later = await aControlPlane(options);
    const announced = [...replicas, later].flatMap((each) => each.announced);
    expect(announced).toHaveLength(1);
    const password = announced[0]!.split(' / ')[1]!;
    for (const each of [...replicas, later]) expect((await each.login('admin@example.com', password)).status).toBe(200);
    for (const each of [...replicas, later]) await each.stop();
    await database.drop();
  });

  test('a given password is neither announced nor written to a file', async () => {
    expect(plane.announced).toEqual([]);
    await expect(stat(path.join(plane.dataDir, 'bootstrap-admin.json'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('login', () => {
  test('gives a bearer token for an hour, whatever the case of the e-mail address', async () => {
    const { status, body } = await plane.login('ADMIN@example.com', adminPassword, anAddress());
    expect(status).toBe(200);
    expect(body).toEqual({ accessToken: expect.any(String), tokenType: 'Bearer', expiresIn: 3600 });
    expect((await plane.send('GET', '/capabilities', { token: body.accessToken })).status).toBe(200);
  });

  test('answers a wrong password, an unknown e-mail and a disabled operator alike', async () => {
    const disabled = await plane.operator('operator');
    await new OperatorRepository(plane.dataSource).disable(disabled.id);
    const replies = [
      await plane.login('admin@example.com', 'wrong-password', anAddress()),
      await plane.login('nobody@example.com', 'wrong-password', anAddress()),
      await plane.login(disabled.email, 'test-password', anAddress()),
      await plane.login('nul\0@example.com', 'wrong-password', anAddress()),
    ];
    for (const { status, body, headers } of replies) {
      expect(status).toBe(401);
      expect(headers.get('www-authenticate')).toBe('Bearer');
      expect({ ...body, requestId: '' }).toEqual({
        type: 'about:blank',
        title: 'Unauthorized',
        status: 401,
        code: 'invalid-credentials',
        detail: 'The e-mail address or the password is wrong.',
        requestId: '',
      });
    }
  });

  test('takes about as long for an unknown e-mail as for a wrong password', async () => {
    const time = async (email: string) => {
      const start = performance.now();
      await plane.login(email, 'wrong-password', anAddress());
      return performance.now() - start;
    };
    const { id, email } = await plane.operator('auditor');
    const hash = await hashPassword('as-costly-as-any', 'test');
    await plane.dataSource.query('UPDATE operator SET password_hash = $2 WHERE id = $1', [id, hash]);
    const known = [await time(email), await time(email), await time(email)];
    const unknown = [await time('x1@example.org'), await time('x2@example.org'), await time('x3@example.org')];
    // A skipped hash would make the unknown ones some fifty times faster.
    expect(Math.min(...unknown)).toBeGreaterThan(Math.min(...known) / 3);
  });

  test('after five failures an account is blocked for ever longer, from any address, known or unknown', async () => {
    const { email } = await plane.operator('operator');
    for (const account of [email, 'not-there@example.org']) {
      for (let attempt = 0; attempt < 5; attempt++) {
        expect((await plane.login(account, 'wrong-password', anAddress())).status).toBe(401);
      }
      const blocked = await plane.login(account, 'test-password', anAddress());
      expect(blocked.status).toBe(429);
      expect(blocked.body.code).toBe('too-many-attempts');
      expect(Number(blocked.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    }
  });

  test('a success ends the count of an account', async () => {
    const { email } = await plane.operator('operator');
    for (let round = 0; round < 2; round++) {
      for (let attempt = 0; attempt < 4; attempt++) await plane.login(email, 'wrong-password', anAddress());
      expect((await plane.login(email, 'test-password', anAddress())).status).toBe(200);
    }
  });

  test('after five failures an address is blocked, with its whole IPv6 network, and others are not', async () => {
    for (let attempt = 0; attempt < 5; attempt++) {
      await plane.login(`guess-${attempt}@example.org`, 'wrong-password', `2001:db8:1:2::${attempt}`);
    }
    const blocked = await plane.login('admin@example.com', adminPassword, '2001:db8:1:2:ffff::1');
    expect(blocked.status).toBe(429);
    expect((await plane.login('admin@example.com', adminPassword, '2001:db8:1:3::1')).status).toBe(200);
  });

  test('many guesses at once are not all checked', async () => {
    const { email } = await plane.operator('operator');
    const replies = await Promise.all(
      Array.from({ length: 30 }, () => plane.login(email, 'wrong-password', anAddress())),
    );
    // Five at first, and one more after each pause of 1, 2 and 4 s, should the machine be that slow.
    expect(replies.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(8);
  });

  test('failures are audited without what was typed', async () => {
    const before = (await deniedRecords()).length;
    await plane.login('typed-by-mistake', 'secret-typed', anAddress());
    const records = (await deniedRecords()).slice(before);
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ actor: 'anonymous', action: 'login', outcome: 'invalid-credentials' });
    expect(JSON.stringify(records)).not.toMatch(/typed-by-mistake|secret-typed/);
  });
});

describe('access tokens', () => {
  const key = deriveKey(masterKey, 'control plane: access tokens');
  const form = { issuer: 'boxyard-control-plane', audience: 'boxyard-control-plane', expiresIn: 60 };
  const header = { alg: 'HS256', typ: 'at+jwt' };
  let subject: string;
  beforeAll(async () => {
    subject = (await new OperatorRepository(plane.dataSource).findByEmail('admin@example.com'))!.id;
  });
  const sign = (options: object = {}, payload: object = {}) =>
    jwt.sign({ ...payload }, key, { ...form, subject, header, ...options });
  const statusOf = async (token: string) => (await plane.send('GET', '/capabilities', { token })).status;
  const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString('base64url');

  test('our own form is accepted', async () => {
    expect(await statusOf(sign())).toBe(200);
  });

  const refused: [string, () => string][] = [
    ['expired', () => sign({ expiresIn: -1 })],
    ['not yet good', () => sign({ notBefore: 60 })],
    ['of another issuer', () => sign({ issuer: 'someone' })],
    ['for another audience', () => sign({ audience: 'a-project' })],
    ['of another type', () => sign({ header: { alg: 'HS256', typ: 'JWT' } })],
    ['without a type', () => sign({ header: { alg: 'HS256', typ: undefined } })],
    ['under another algorithm', () => sign({ algorithm: 'HS512', header: { alg: 'HS512', typ: 'at+jwt' } })],
    ['of an operator who does not exist', () => sign({ subject: uuidv7() })],
    ['of a subject that is no id', () => sign({ subject: "' OR 1=1" })],
    ['without a subject', () => jwt.sign({}, key, { ...form, header })],
    ['under another key', () => jwt.sign({}, Buffer.alloc(32, 1), { ...form, subject, header })],
    ['cut short', () => sign().slice(0, -3)],
    ['of nonsense', () => 'nonsense'],
    ['with a payload that is no JSON', () => `${encoded({ alg: 'HS256', typ: 'JWT' })}.YWJj.aaaa`],
    ['of our type with a payload that is no JSON', () => `${encoded(header)}.YWJj.aaaa`],
    [
      'unsigned',
      () => {
        const [, payload] = sign().split('.');
        return `${encoded({ alg: 'none', typ: 'at+jwt' })}.${payload}.`;
      },
    ],
    [
      'unsigned with a signature',
      () => {
        const [, payload] = sign().split('.');
        const content = `${encoded({ alg: 'none', typ: 'at+jwt' })}.${payload}`;
        return `${content}.${createHmac('sha256', key).update(content).digest('base64url')}`;
      },
    ],
  ];
  test.each(refused)('one %s is refused', async (_, token) => {
    expect(await statusOf(token())).toBe(401);
  });

  test('one of a disabled operator is refused from the next request on', async () => {
    const { id, token } = await plane.operator('operator');
    expect(await statusOf(token)).toBe(200);
    await new OperatorRepository(plane.dataSource).disable(id);
    expect(await statusOf(token)).toBe(401);
  });

  test('neither Basic nor an empty Authorization header lets anybody in', async () => {
    for (const authorization of ['Basic YWRtaW46YWRtaW4=', 'Bearer', 'Bearer ', '']) {
      const reply = await plane.send('GET', '/capabilities', { token: null, headers: { authorization } });
      expect(reply.status).toBe(401);
    }
  });
});

describe('every route needs a caller', () => {
  test('but login, the description and the status page', async () => {
    const { body: document } = await plane.send('GET', '/openapi.json', { token: null });
    const open: string[] = [];
    for (const [route, item] of Object.entries<Record<string, unknown>>(document.paths)) {
      for (const method of Object.keys(item)) {
        const target = route.replace('/control/v1', '').replace(/\{[^}]+\}/g, 'x');
        const { status } = await plane.send(method.toUpperCase(), target, { token: null });
        if (status !== 401) open.push(`${method} ${route}`);
      }
    }
    expect(open).toEqual(['post /control/v1/auth/login']);
  });

  test('a refused token is audited with the route, a request without credentials is not', async () => {
    const before = (await deniedRecords('GET /control/v1/projects')).length;
    await plane.send('GET', '/projects', { token: null });
    expect(await deniedRecords('GET /control/v1/projects')).toHaveLength(before);
    await plane.send('GET', '/projects', { token: 'not-a-token' });
    // {"alg":"HS256","typ":"JWT"} and a payload that is no JSON.
    await plane.send('GET', '/projects', { token: 'eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.YWJj.aaaa' });
    const records = await deniedRecords('GET /control/v1/projects');
    expect(records).toHaveLength(before + 2);
    expect(records.at(-1)).toMatchObject({ actor: 'anonymous', action: 'access', outcome: 'invalid-credentials' });
  });

  test('a flood of refused requests does not fill the audit log', async () => {
    const before = (await deniedRecords('GET /control/v1/capabilities')).length;
    const headers = { 'x-forwarded-for': anAddress() };
    for (let attempt = 0; attempt < 130; attempt++) {
      await plane.send('GET', '/capabilities', { token: 'not-a-token', headers });
    }
    // Sixty in each of at most two minutes.
    expect((await deniedRecords('GET /control/v1/capabilities')).length - before).toBeLessThanOrEqual(120);
  });
});

describe('roles', () => {
  test('an auditor reads everything and changes nothing; the attempt is audited', async () => {
    const { id, token } = await plane.operator('auditor');
    for (const route of ['/projects', '/capabilities', '/api-keys']) {
      expect((await plane.send('GET', route, { token })).status).toBe(200);
    }
    const attempts: [string, string][] = [
      ['POST', '/projects'],
      ['PATCH', '/projects/x'],
      ['DELETE', '/projects/x'],
      ['POST', '/projects/x/purge'],
      ['POST', '/api-keys'],
      ['POST', '/operations/x/claim-secrets'],
    ];
    for (const [method, route] of attempts) {
      const { status, body } = await plane.send(method, route, { token, body: {} });
      expect({ status, code: body.code }).toEqual({ status: 403, code: 'role-insufficient' });
    }
    const records = (await deniedRecords()).filter(({ actor }) => actor === `operator:${id}`);
    expect(records.map(({ target }) => target)).toEqual([
      'POST /control/v1/projects',
      'PATCH /control/v1/projects/:idOrSlug',
      'DELETE /control/v1/projects/:idOrSlug',
      'POST /control/v1/projects/:idOrSlug/purge',
      'POST /control/v1/api-keys',
      'POST /control/v1/operations/:id/claim-secrets',
    ]);
  });

  test('an operator gets no way into the data of a project that somebody else has made; the attempt is audited', async () => {
    const { id, token } = await plane.operator('operator');
    const rotate = (options: object) => plane.send('POST', '/projects/x/admin-client/rotate', options);
    const { status, body } = await rotate({ token });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'role-insufficient' });
    const records = (await deniedRecords()).filter(({ actor }) => actor === `operator:${id}`);
    expect(records.map(({ target }) => target)).toEqual(['POST /control/v1/projects/:idOrSlug/admin-client/rotate']);
    expect((await rotate({})).status).toBe(404);
  });
});

describe('API keys', () => {
  const create = (fields: object = {}, options: object = {}) =>
    plane.send('POST', '/api-keys', { body: { name: 'ci', role: 'operator', ...fields }, ...options });

  test('the secret is shown once, works as a bearer token, and is nowhere stored or logged', async () => {
    const { status, body } = await create();
    expect(status).toBe(201);
    expect(body.secret).toMatch(/^byk_[A-Za-z0-9_-]{43}$/);
    expect(body.id).toMatch(/^key_/);
    expect((await plane.send('GET', '/projects', { token: body.secret })).status).toBe(200);
    const list = await plane.send('GET', '/api-keys');
    expect(list.body.items.find(({ id }: { id: string }) => id === body.id)).toMatchObject({
      name: 'ci',
      lastUsedAt: expect.any(String),
    });
    expect(JSON.stringify(list.body)).not.toContain(body.secret);
    const [dump] = await plane.dataSource.query<{ text: string }[]>(
      `SELECT (SELECT json_agg(k)::text FROM api_key k) || (SELECT coalesce(json_agg(i)::text, '') FROM idempotency_key i) AS text`,
    );
    expect(dump!.text).not.toContain(body.secret.slice(4));
    expect(plane.log()).not.toContain(body.secret.slice(4));
  });

  test('an idempotent replay holds no secret', async () => {
    const headers = { 'idempotency-key': 'api-key-1' };
    const first = await create({}, { headers });
    const second = await create({}, { headers });
    expect(second.status).toBe(201);
    expect(second.headers.get('idempotent-replay')).toBe('true');
    expect(second.headers.get('location')).toBe(first.headers.get('location'));
    const { secret: _, ...rest } = first.body;
    expect(second.body).toEqual({ ...rest, secretsClaimed: true });
  });

  test('nobody can give a key more than their own role, and the attempt is audited', async () => {
    const { token, id } = await plane.operator('operator');
    const { status, body } = await create({ role: 'platform-admin' }, { token });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'role-insufficient' });
    expect((await deniedRecords('role:platform-admin')).at(-1)).toMatchObject({ actor: `operator:${id}` });
    const lesser = await create({ role: 'auditor' }, { token });
    expect((await plane.send('GET', '/projects', { token: lesser.body.secret })).status).toBe(200);
    expect((await create({ role: 'auditor' }, { token: lesser.body.secret })).status).toBe(403);
  });

  test('a key makes no keys, which would outlive it, and the attempt is audited', async () => {
    const { id, secret } = (await create({ role: 'platform-admin' })).body;
    const { status, body } = await create({ role: 'auditor' }, { token: secret });
    expect({ status, code: body.code }).toEqual({ status: 403, code: 'sign-in-needed' });
    const denied = { actor: `key:${id}`, action: 'api-key.create', outcome: 'sign-in-needed' };
    expect((await deniedRecords('role:auditor')).at(-1)).toMatchObject(denied);
  });

  test('ends when it is deleted, when it expires, and when its operator is disabled', async () => {
    const owner = await plane.operator('operator');
    const statusOf = async (token: string) => (await plane.send('GET', '/projects', { token })).status;
    const revoked = (await create({}, { token: owner.token })).body;
    expect((await plane.send('DELETE', `/api-keys/${revoked.id}`, { token: owner.token })).status).toBe(200);
    expect(await statusOf(revoked.secret)).toBe(401);
    expect((await plane.send('DELETE', `/api-keys/${revoked.id}`, { token: owner.token })).status).toBe(404);

    const expiring = (await create({ expiresAt: new Date(Date.now() + 60_000).toISOString() }, { token: owner.token }))
      .body;
    expect(await statusOf(expiring.secret)).toBe(200);
    await plane.dataSource.query(`UPDATE api_key SET expires_at = now() - interval '1 s' WHERE id = $1`, [expiring.id]);
    expect(await statusOf(expiring.secret)).toBe(401);

    const orphan = (await create({}, { token: owner.token })).body;
    await new OperatorRepository(plane.dataSource).disable(owner.id);
    expect(await statusOf(orphan.secret)).toBe(401);
  });

  test('operators see and end their own keys, platform admins all', async () => {
    const [one, other] = [await plane.operator('operator'), await plane.operator('operator')];
    const key = (await create({}, { token: one.token })).body;
    const idsOf = async (token?: string) =>
      (await plane.send('GET', '/api-keys?limit=200', { token })).body.items.map(({ id }: { id: string }) => id);
    expect(await idsOf(one.token)).toEqual([key.id]);
    expect(await idsOf(other.token)).toEqual([]);
    expect(await idsOf()).toContain(key.id);
    expect((await plane.send('DELETE', `/api-keys/${key.id}`, { token: other.token })).status).toBe(404);
    expect((await plane.send('DELETE', `/api-keys/${key.id}`)).status).toBe(200);
  });

  test('the list pages by cursor', async () => {
    const { token } = await plane.operator('operator');
    const made: string[] = [];
    for (let each = 0; each < 3; each++) made.push((await create({}, { token })).body.id);
    const first = (await plane.send('GET', '/api-keys?limit=2', { token })).body;
    const second = (await plane.send('GET', `/api-keys?limit=2&cursor=${first.next}`, { token })).body;
    expect([...first.items, ...second.items].map(({ id }: { id: string }) => id).sort()).toEqual(made.sort());
    expect(second.next).toBeNull();
  });

  test('every bad field is listed', async () => {
    const { status, body } = await create({ name: ' ', role: 'root', expiresAt: '2020', extra: 1 });
    expect(status).toBe(400);
    expect(body.errors.map(({ field }: { field: string }) => field).sort()).toEqual([
      'expiresAt',
      'extra',
      'name',
      'role',
    ]);
    const past = await create({ expiresAt: '2020-01-01T00:00:00Z' });
    expect(past.body.errors).toEqual([{ field: 'expiresAt', message: 'must be in the future' }]);
  });

  test('ids that no key can have are simply not there', async () => {
    for (const id of ['%00', "'", 'key_1', 'x'.repeat(300)]) {
      expect((await plane.send('DELETE', `/api-keys/${id}`)).status).toBe(404);
    }
  });
});

test('no password and no token was logged, and the audit chain is whole', async () => {
  expect(plane.log()).not.toMatch(/a-password-for-tests|test-password|wrong-password|byk_|eyJ/);
  expect(await new AuditRepository(plane.dataSource).verifyChain()).toMatchObject({ intact: true });
});
