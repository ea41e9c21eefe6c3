import {
  addSecurityRequest,
  changePassword,
  confirmAddress,
  findClientCredentials,
  findUserPassword,
  isClientSecret,
  isGoodLink,
  readPrincipal,
  rehearseLogIn,
  setClientSecret,
  setUserPassword,
  tenantDatabase,
  type PrincipalQuery,
  type SecurityLink,
  type TenantDatabase,
} from '#fhir-store';
import { jsonPatch } from '#fhir';
import { sha256 } from '#platform';
import { sql } from '#postgres';
import { aTenant, baseUrl, memberPolicy, parse, text, type TestTenant } from './store.fixture.js';

let t: TestTenant;
beforeAll(async () => {
  t = await aTenant();
});
afterAll(() => t.close());

const client = (more: object = {}) => text({ resourceType: 'ClientApplication', name: 'App', ...more });
const create = async (resource: ReturnType<typeof text>) => (await (await t.repository()).create(resource)).version;

/** Every text in the database in which something could have been left. */
async function everything(): Promise<string> {
  const rows = await t.rows<{ all: string }>(
    `SELECT string_agg(body || extended_meta, '') AS all FROM (
       SELECT body, extended_meta FROM resource UNION ALL SELECT body, extended_meta FROM resource_history
       UNION ALL SELECT value, original FROM resource_string UNION ALL SELECT agent, entity || coalesce(detail, '') FROM audit_event) x`,
  );
  return rows[0]?.all ?? '';
}

test('a log-in can be rehearsed: its statements are planned, and nothing is counted or found', async () => {
  const planned = await t.tenant.use(async (connection) => {
    await rehearseLogIn(connection);
    return connection.query<{ name: string }>(sql`SELECT name FROM pg_prepared_statements`);
  });
  expect(planned.map(({ name }) => name)).toEqual(
    expect.arrayContaining(['store_client', 'store_begin_login_attempt']),
  );
  expect(await t.rows('SELECT 1 FROM login_attempt')).toEqual([]);
});

test('what a policy is based on is told of an effective one only: it is never stored', async () => {
  const basedOn = [{ reference: 'AccessPolicy/pretended' }];
  const { body } = await create(text({ resourceType: 'AccessPolicy', name: 'Copied from an answer', basedOn }));
  expect(parse(body)).toMatchObject({ name: 'Copied from an answer' });
  expect(parse(body)).not.toHaveProperty('basedOn');
});

describe("a client's secret", () => {
  test('is kept as a hash only, and never in a body, in history, in the index or in the audit', async () => {
    const first = await create(
      client({
        secret: 's3cret-one',
        retiringSecret: 's3cret-old',
        _secret: { extension: [{ url: 'x', valueString: 's3cret-ext' }] },
      }),
    );
    expect(parse(first.body)).toMatchObject({ name: 'App' });
    await (
      await t.repository()
    ).update('ClientApplication', first.id, client({ id: first.id, name: 'New', secret: 's3cret-two' }));
    expect(await everything()).not.toContain('s3cret');
    const found = await findClientCredentials(t.tenant, first.id);
    expect(['s3cret-two', 's3cret-old', 's3cret-one', ''].map((secret) => isClientSecret(secret, found))).toEqual([
      true,
      true,
      false,
      false,
    ]);
  });

  test('stays when a PUT does not have it, and goes with the client', async () => {
    const { id } = await create(client({ secret: 'kept' }));
    await (await t.repository()).update('ClientApplication', id, client({ id, name: 'Renamed' }));
    expect(isClientSecret('kept', await findClientCredentials(t.tenant, id))).toBe(true);
    await (await t.repository()).delete('ClientApplication', id);
    expect(await t.rows('SELECT 1 FROM client_secret WHERE client_id = $1', id)).toEqual([]);
    const gone = await findClientCredentials(t.tenant, id);
    expect(gone.client).toBeUndefined();
    expect(isClientSecret('kept', gone)).toBe(false);
  });

  test('that changes alone makes no version', async () => {
    const first = await create(client({ secret: 'a' }));
    const result = await (
      await t.repository()
    ).update('ClientApplication', first.id, client({ id: first.id, secret: 'b' }));
    expect(result.changed).toBe(false);
    expect(isClientSecret('b', await findClientCredentials(t.tenant, first.id))).toBe(true);
  });

  test('is cut out of a transaction as well', async () => {
    const answer = await (
      await t.repository()
    ).processBundle(
      JSON.stringify({
        resourceType: 'Bundle',
        type: 'transaction',
        entry: [
          {
            request: { method: 'POST', url: 'ClientApplication' },
            resource: { resourceType: 'ClientApplication', name: 'B', secret: 's3cret-b' },
          },
        ],
      }),
      baseUrl,
    );
    expect(answer).not.toContain('s3cret');
    expect(await everything()).not.toContain('s3cret');
    const entry = parse(answer)['entry'] as unknown as [{ resource: { id: string } }];
    expect(isClientSecret('s3cret-b', await findClientCredentials(t.tenant, entry[0].resource.id))).toBe(true);
  });

  test.each([
    ['a number', 7],
    ['empty', ''],
    ['an object', {}],
  ])('that is %s is refused', async (_, secret) => {
    await expect(create(client({ secret }))).rejects.toMatchObject({
      category: 'invalid',
      issues: [expect.objectContaining({ expression: ['ClientApplication.secret'] })],
    });
  });

  test('can be set by its hash', async () => {
    const { id } = await create(client());
    await t.tenant.use((connection) => setClientSecret(connection, id, sha256('rotated')));
    expect(isClientSecret('rotated', await findClientCredentials(t.tenant, id))).toBe(true);
  });

  test('of an unknown client fits nothing', async () => {
    expect(isClientSecret('', await findClientCredentials(t.tenant, 'unknown'))).toBe(false);
  });
});

describe('a member whose policy lets them write clients', () => {
  const writer = () => t.repository({ policy: memberPolicy });

  const stored = {
    secret: 'kept',
    jwksUri: 'https://example.org/keys',
    redirectUri: 'https://example.org/cb',
    redirectUris: ['https://example.org/cb'],
    allowedOrigin: ['https://example.org'],
  };

  test.each<[string, object]>([
    ['the secret', { secret: 'mine' }],
    ['the retiring secret', { retiringSecret: 'mine' }],
    ['the keys', { jwksUri: 'https://evil.example/keys' }],
    ['where codes are sent', { redirectUri: 'https://evil.example/', redirectUris: ['https://evil.example/cb'] }],
    ['whether codes need a proof', { pkceOptional: true }],
    [
      'who says who people are',
      {
        identityProvider: {
          authorizeUrl: 'https://evil.example/authorize',
          tokenUrl: 'https://evil.example/token',
          userInfoUrl: 'https://evil.example/me',
          clientId: 'mine',
        },
      },
    ],
    ['from where pages may come', { allowedOrigin: ['https://evil.example'] }],
  ])(
    'cannot change %s, by which they could come in as its users: that stays as it is, by whatever way',
    async (_, mine) => {
      const { id } = await create(client(stored));
      const name = (value: string) => ({ ...stored, secret: undefined, ...mine, id, name: value });
      const found = async () => {
        const credentials = await findClientCredentials(t.tenant, id);
        expect([isClientSecret('kept', credentials), isClientSecret('mine', credentials)]).toEqual([true, false]);
        const { meta: _meta, id: _id, resourceType: _type, name: given, ...rest } = credentials.client ?? {};
        const { secret: _secret, ...expected } = stored;
        expect(rest).toEqual(expected);
        return given;
      };
      await (await writer()).update('ClientApplication', id, client(name('One')));
      expect(await found()).toBe('One');
      await (await writer()).conditionalUpdate('ClientApplication', `_id=${id}`, client(name('Two')));
      expect(await found()).toBe('Two');
      const operations = Object.entries({ ...mine, name: 'Three' }).map(([field, value]) => ({
        op: 'add',
        path: `/${field}`,
        value,
      }));
      await (await writer()).patch('ClientApplication', id, jsonPatch(JSON.stringify(operations)));
      expect(await found()).toBe('Three');
      const request = { method: 'PUT', url: `ClientApplication/${id}` };
      const entry = [{ request, resource: client(name('Four')).value }];
      await (
        await writer()
      ).processBundle(JSON.stringify({ resourceType: 'Bundle', type: 'transaction', entry }), baseUrl);
      expect(await found()).toBe('Four');
      const removed = client({ id, name: 'Five' });
      await (await writer()).update('ClientApplication', id, removed);
      expect(await found()).toBe('Five');
    },
  );

  test('makes clients without any of it', async () => {
    const { version } = await (await writer()).create(client({ ...stored, name: 'New' }));
    expect(JSON.parse(version.body)).toEqual({
      resourceType: 'ClientApplication',
      id: version.id,
      meta: expect.anything(),
      name: 'New',
    });
    expect(isClientSecret('kept', await findClientCredentials(t.tenant, version.id))).toBe(false);
  });

  test('is limited in this only where they do not administer the project', async () => {
    const { id } = await create(client(stored));
    const by = await t.repository();
    const redirectUris = ['https://example.org/other'];
    await by.update('ClientApplication', id, client({ ...stored, id, secret: 'new', redirectUris }));
    const credentials = await findClientCredentials(t.tenant, id);
    expect(isClientSecret('new', credentials)).toBe(true);
    expect(credentials.client).toMatchObject({ redirectUris });
  });

  test('can change the rest, and send back the keys that are stored', async () => {
    const { id } = await create(client({ secret: 'kept', jwksUri: 'https://example.org/keys' }));
    const renamed = client({ id, name: 'Renamed', jwksUri: 'https://example.org/keys' });
    expect((await (await writer()).update('ClientApplication', id, renamed)).changed).toBe(true);
    expect(isClientSecret('kept', await findClientCredentials(t.tenant, id))).toBe(true);
  });
});

describe("a person's credentials", () => {
  test('that a write carries are dropped', async () => {
    const user = text({
      resourceType: 'User',
      firstName: 'A',
      lastName: 'B',
      email: 'a@example.org',
      passwordHash: 's3cret-hash',
      mfaSecret: 's3cret-mfa',
    });
    const version = await create(user);
    expect(version.body).not.toContain('s3cret');
    expect(await everything()).not.toContain('s3cret');
    expect(await t.tenant.use((connection) => findUserPassword(connection, version.id))).toBeUndefined();
  });

  test('are kept apart, replaced, and forgotten with the user', async () => {
    const { id } = await create(text({ resourceType: 'User', firstName: 'A', lastName: 'B' }));
    const found = () => t.tenant.use((connection) => findUserPassword(connection, id));
    await t.tenant.use((connection) => setUserPassword(connection, id, 'one'));
    await t.tenant.use((connection) => setUserPassword(connection, id, 'two'));
    expect(await found()).toBe('two');
    await (await t.repository()).delete('User', id);
    expect(await found()).toBeUndefined();
  });
});

describe('a link by mail', () => {
  const by = { agent: 'User/test', requestId: 'request-1' };
  const userIdIn = ({ user }: SecurityLink) => user.slice('User/'.length);
  /** The tenant, of which a transaction is lost before its statement with that number. */
  const losing = (lost: number): TenantDatabase =>
    tenantDatabase({
      ...t.tenant,
      use: (work) =>
        t.tenant.use((connection) => {
          let statements = 0;
          return work({
            query: (sent) => connection.query(sent),
            transaction: (inside) =>
              connection.transaction((transaction) =>
                inside({
                  query: (sent) => {
                    if (++statements === lost) throw new Error('lost');
                    return transaction.query(sent);
                  },
                  transaction: (within) => transaction.transaction(within),
                }),
              ),
          });
        }),
    });

  test.each([
    [
      'reset',
      (tenant: TenantDatabase, link: SecurityLink) =>
        changePassword(tenant, by, { userId: userIdIn(link), hash: 'chosen', keptLogins: [], link }),
    ],
    ['verify-email', (tenant: TenantDatabase, link: SecurityLink) => confirmAddress(tenant, by, link)],
  ] as const)('to %s is used up with what it is for, or stays good', async (type, follow) => {
    const person = { resourceType: 'User', firstName: 'A', lastName: 'Q', emailVerified: false };
    const { id: userId } = await create(text(person));
    const request = { type, user: `User/${userId}`, secret: 'secret' };
    const link = { ...request, id: await addSecurityRequest(t.tenant, { ...by, policy: memberPolicy }, request) };
    const isGood = () => t.tenant.use((connection) => isGoodLink(connection, link));
    const state = async () => {
      const repository = await t.repository();
      const { emailVerified } = parse((await repository.read('User', userId)).body);
      const { used = false } = parse((await repository.read('UserSecurityRequest', link.id)).body);
      const password = await t.tenant.use((connection) => findUserPassword(connection, userId));
      return {
        emailVerified,
        used,
        hasPassword: password === 'chosen',
        isGood: await isGood(),
        epoch: await t.epoch(),
      };
    };
    const before = await state();
    expect(before).toMatchObject({ emailVerified: false, used: false, hasPassword: false, isGood: true });
    let lost = 1;
    for (;;) {
      const followed = await follow(losing(lost), link).catch((error: unknown) => (error as Error).message);
      if (followed === true) break;
      expect([lost++, followed, await state()]).toEqual([expect.any(Number), 'lost', before]);
    }
    expect(lost).toBeGreaterThan(4);
    const epoch = String(Number(before.epoch) + 1);
    expect(await state()).toEqual({
      emailVerified: true,
      used: true,
      hasPassword: type === 'reset',
      isGood: false,
      epoch,
    });
    expect(await follow(t.tenant, link)).toBe(false);
  });
});

describe('a client log-in', () => {
  test('finds the client, its memberships and the epoch', async () => {
    const { id } = await create(client({ secret: 'x' }));
    const user = { reference: `ClientApplication/${id}` };
    const membership = (more: object) =>
      text({ resourceType: 'ProjectMembership', project: { reference: 'Project/p' }, user, profile: user, ...more });
    const first = await create(membership({ admin: true }));
    const second = await create(membership({}));
    await create(
      text({
        resourceType: 'ProjectMembership',
        project: { reference: 'Project/p' },
        user: { reference: 'ClientApplication/other' },
        profile: user,
      }),
    );
    const deleted = await create(membership({}));
    await (await t.repository()).delete('ProjectMembership', deleted.id);
    const found = await findClientCredentials(t.tenant, id);
    expect(found.epoch).toBe(await t.epoch());
    expect(found.client).toMatchObject({ id, name: 'App' });
    expect(found.memberships.map((body) => body['id'])).toEqual([first.id, second.id]);
  });
});

describe('a principal', () => {
  test('is built again from one snapshot of its membership, policies, user, session and epoch', async () => {
    const { id } = await create(client());
    const user = `ClientApplication/${id}`;
    const [first, second, gone] = [
      await create(text({ resourceType: 'AccessPolicy', name: 'first' })),
      await create(text({ resourceType: 'AccessPolicy', name: 'second' })),
      await create(text({ resourceType: 'AccessPolicy', name: 'gone' })),
    ];
    await (await t.repository()).delete('AccessPolicy', gone.id);
    const named = (reference: string) => ({ policy: { reference } });
    const membership = await create(
      text({
        resourceType: 'ProjectMembership',
        project: { reference: 'Project/p' },
        user: { reference: user },
        profile: { reference: user },
        accessPolicy: { reference: `AccessPolicy/${first.id}` },
        access: [
          named(`AccessPolicy/${second.id}`),
          named(`AccessPolicy/${first.id}`),
          named(`AccessPolicy/${gone.id}`),
          named('AccessPolicy/unknown'),
          named(`Patient/${second.id}`),
        ],
      }),
    );
    const policies = new Map([first, second].map(({ id, body }) => [`AccessPolicy/${id}`, parse(body)]));
    const login = await create(
      text({
        resourceType: 'Login',
        client: { reference: user },
        user: { reference: user },
        authMethod: 'client',
        authTime: '2026-11-21T00:00:00Z',
      }),
    );
    const read = (query: PrincipalQuery) => t.tenant.use((connection) => readPrincipal(connection, query));
    const query = { membershipId: membership.id, user, loginId: login.id };
    expect(await read(query)).toEqual({
      epoch: await t.epoch(),
      membership: parse(membership.body),
      user: expect.objectContaining({ id }) as unknown,
      login: parse(login.body),
      client: expect.objectContaining({ id }) as unknown,
      policies,
    });
    expect((await findClientCredentials(t.tenant, id)).policies).toEqual(policies);
    expect(await read({ ...query, user: 'ClientApplication/another' })).toEqual({
      epoch: await t.epoch(),
      login: parse(login.body),
      client: expect.objectContaining({ id }) as unknown,
      policies: new Map(),
    });

    await (await t.repository()).delete('ProjectMembership', membership.id);
    await (await t.repository()).delete('ClientApplication', id);
    await (await t.repository()).delete('Login', login.id);
    expect(await read(query)).toEqual({ epoch: await t.epoch(), policies: new Map() });
  });

  test('a new session changes no rights, a changed one does', async () => {
    const before = await t.epoch();
    const login = {
      resourceType: 'Login',
      user: { reference: 'User/u' },
      authMethod: 'password',
      authTime: '2026-11-21T00:00:00Z',
    };
    const { id } = await create(text(login));
    expect(await t.epoch()).toBe(before);
    await (await t.repository()).update('Login', id, text({ ...login, id, revoked: true }));
    expect(await t.epoch()).not.toBe(before);
  });
});
