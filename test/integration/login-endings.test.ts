/** All log-ins of a person end, however many there are. */
import { randomUUID } from 'node:crypto';
import { systemPolicy } from '#access-policy';
import { parseSearch } from '#fhir-search';
import { administer, changePassword, recordLogin, type Caller } from '#fhir-store';
import { aTenant, parse, text, type TestTenant } from './store.fixture.js';

/** More than are read at a time. */
const MANY = 1_010;

let t: TestTenant;
let userId: string;
beforeAll(async () => {
  t = await aTenant();
});
beforeEach(async () => {
  userId = (await (await t.repository()).create(text({ resourceType: 'User', firstName: 'A', lastName: 'B' }))).version
    .id;
  await logIn();
});
afterAll(() => t?.close());

const by = { agent: 'Practitioner/1', requestId: 'request-1' };

/** The first log-in as the platform writes it, the others as its copies. */
async function logIn(): Promise<void> {
  const id = randomUUID();
  await recordLogin(
    t.tenant,
    by,
    {
      resourceType: 'Login',
      id,
      user: { reference: `User/${userId}` },
      authMethod: 'password',
      authTime: '2026-01-01T00:00:00Z',
      granted: true,
      scope: 'openid',
      membership: { reference: 'ProjectMembership/1' },
    },
    3_600,
  );
  await t.rows(
    `WITH made AS (
       INSERT INTO resource (id, type, fhir_id, version, last_updated, body, extended_meta, tok, self, sort_texts)
       SELECT n.id, r.type, $1 || '-' || n.id, n.id, r.last_updated - n.place * interval '1 s',
              replace(replace(r.body, $1, $1 || '-' || n.id), '"versionId":"' || r.version, '"versionId":"' || n.id),
              r.extended_meta, r.tok, gen_random_uuid(), r.sort_texts
       FROM resource r, (SELECT nextval('version_seq') AS id, place FROM generate_series(1, $2::int) place) n
       WHERE r.fhir_id = $1 RETURNING id)
     INSERT INTO resource_reference SELECT f.target, f.parameter, f.ord, made.id
     FROM made, resource_reference f JOIN resource r ON r.id = f.resource_id WHERE r.fhir_id = $1`,
    id,
    MANY - 1,
  );
}

/** How many log-ins of the person there are by whether they are revoked. */
async function logins(): Promise<{ open: number; revoked: number }> {
  const rows = await t.rows<{ body: string }>(
    `SELECT body FROM resource WHERE type = 'Login' AND body LIKE '%"User/' || $1 || '"%'`,
    userId,
  );
  const revoked = rows.filter(({ body }) => parse(body)['revoked'] === true).length;
  return { open: rows.length - revoked, revoked };
}

async function asAdministrator(): Promise<Caller> {
  return { ...by, policy: systemPolicy('test'), epoch: await t.epoch() };
}

test('when they change their password, but for those that are kept', async () => {
  const [kept] = await t.rows<{ id: string }>(
    `SELECT fhir_id AS id FROM resource WHERE type = 'Login' AND body LIKE '%"User/' || $1 || '"%' ORDER BY id LIMIT 1`,
    userId,
  );
  expect(await logins()).toEqual({ open: MANY, revoked: 0 });
  expect(await changePassword(t.tenant, by, { userId, hash: 'new', keptLogins: [kept?.id ?? ''] })).toBe(true);
  expect(await logins()).toEqual({ open: 1, revoked: MANY - 1 });
});

test('when they set a password by a link', async () => {
  const request = { type: 'reset', user: `User/${userId}`, secret: 'secret' } as const;
  const id = await administer(t.tenant, await asAdministrator(), 'test', (administration) =>
    administration.requestSecurity(request.type, request.user, request.secret),
  );
  const change = { userId, hash: 'new', keptLogins: [], link: { ...request, id } };
  expect(await changePassword(t.tenant, by, change)).toBe(true);
  expect(await logins()).toEqual({ open: 0, revoked: MANY });
  const found = parseSearch(t.tenant.version, 'Login', `user=User/${userId}&revoked=true&_summary=count`, {
    handling: 'strict',
  });
  expect((await (await t.repository()).search(found)).total).toBe(MANY);
  const histories = await t.rows(
    `SELECT count(*)::int FROM resource_history h JOIN resource r ON r.id = h.resource_id
     WHERE r.type = 'Login' AND r.body LIKE '%"User/' || $1 || '"%' AND r.version > h.version AND NOT h.deleted`,
    userId,
  );
  expect(histories).toEqual([{ count: MANY }]);
});

test('when an administrator sets their password', async () => {
  await administer(t.tenant, await asAdministrator(), 'test', async (administration) => {
    await administration.setPassword(userId, 'new');
    await administration.endLogins(`User/${userId}`);
  });
  expect(await logins()).toEqual({ open: 0, revoked: MANY });
});
