import { DomainError, systemClock } from '#platform';
import type { TenantEntry } from '#tenancy';
import { type BegunAttempt, type LoginAttempt, LoginBackoff } from '../../apps/data-plane/src/auth/login-backoff.js';
import { PersonAuthenticator } from '../../apps/data-plane/src/auth/login/person-authenticator.js';
import { aTenant, type TestTenant } from './store.fixture.js';

let t: TestTenant;
/** Two data planes of one project. */
let here: LoginBackoff;
let there: LoginBackoff;

const generated: LoginAttempt = { account: 'c', address: '10.0.0.1', secret: 'generated' };
const password: LoginAttempt = { ...generated, secret: 'password' };

beforeAll(async () => {
  t = await aTenant();
});

afterAll(() => t?.close());

beforeEach(async () => {
  await t.rows('TRUNCATE login_attempt');
  [here, there] = [new LoginBackoff(systemClock), new LoginBackoff(systemClock)];
});

const place = () => ({ database: t.tenant });
const begin = (attempt = password, plane = here): Promise<BegunAttempt> => plane.begin(place(), attempt);

/** Seconds to wait, or undefined when an attempt may go on. */
const waitOf = (attempt = password, plane = here): Promise<number | undefined> =>
  begin(attempt, plane).then(
    async (begun) => {
      await begun.unchecked();
      return undefined;
    },
    (error: DomainError) => error.retryAfterSeconds,
  );

/** Makes everything that was counted so much older, but for so many attempts that are in flight. */
const pass = (seconds: number, inFlight = 0): Promise<unknown> =>
  t.rows(
    `UPDATE login_attempt SET last_at = last_at - make_interval(secs => $1), failed_at = ARRAY(
       SELECT at - make_interval(secs => CASE WHEN place <= cardinality(failed_at) - $2 THEN $1 ELSE 0 END)
       FROM unnest(failed_at) WITH ORDINALITY AS w (at, place) ORDER BY place)`,
    seconds,
    inFlight,
  );

async function fail(times: number, attempt = password): Promise<void> {
  for (let index = 0; index < times; index++) await (await begin(attempt)).failed();
}

test('the first failures cost nothing, then each doubles the wait, up to a minute', async () => {
  await fail(4);
  const waits = [await waitOf()];
  for (let index = 0; index < 8; index++) {
    await fail(1);
    waits.push(await waitOf());
    await pass(60);
  }
  expect(waits).toEqual([undefined, 1, 2, 4, 8, 16, 32, 60, 60]);
});

test('what one replica counts holds the others back, and a new process too', async () => {
  await fail(3);
  for (let index = 0; index < 2; index++) await (await begin(password, there)).failed();
  expect(await waitOf(password, there)).toBe(1);
  expect(await waitOf(password, new LoginBackoff(systemClock))).toBe(1);
});

test('the wait ends by itself, and a quarter of an hour forgets the failures', async () => {
  await fail(5);
  await pass(2);
  expect(await waitOf()).toBeUndefined();
  await fail(1);
  await pass(900);
  await fail(4);
  expect(await waitOf()).toBeUndefined();
});

test('a success forgets what was counted for the account', async () => {
  await fail(4);
  await (await begin()).succeeded();
  await fail(4);
  expect(await waitOf()).toBeUndefined();
  await (await begin(generated)).succeeded();
  expect(await t.rows('SELECT 1 FROM login_attempt')).toHaveLength(1);
});

test('an attempt at which nobody had the time to look does not count', async () => {
  const busy = new DomainError('too-many-requests', 'too-busy', 'Try again later.');
  const people = new PersonAuthenticator(here, () => Promise.reject(busy));
  const runtime = { entry: { projectId: 'p' } as TenantEntry, database: t.tenant };
  const secret = { email: password.account, password: 'right' };
  await fail(4);
  for (let index = 0; index < 5; index++) {
    await expect(people.authenticate(runtime, secret, password.address)).rejects.toBe(busy);
    await expect(people.confirm(runtime, 'u', 'right', password.address)).rejects.toBe(busy);
  }
  expect(await waitOf()).toBeUndefined();
  await fail(1);
  expect(await waitOf()).toBe(1);
});

test('another account or address is not held back', async () => {
  await fail(5);
  expect(await waitOf()).toBe(1);
  for (const other of [{ account: 'd' }, { address: '10.0.0.2' }]) {
    expect(await waitOf({ ...password, ...other })).toBeUndefined();
  }
});

test('addresses of one IPv6 network count together', async () => {
  for (let index = 0; index < 5; index++) await fail(1, { ...password, address: `2001:db8:1:2::${index}` });
  expect(await waitOf({ ...password, address: '2001:db8:1:2:ffff::1' })).toBe(1);
  expect(await waitOf({ ...password, address: '2001:db8:1:3::1' })).toBeUndefined();
});

test('who is held back is not counted, and changes nothing', async () => {
  await fail(5);
  const rows = () => t.rows('SELECT subject, failed_at, last_at, xmin::text FROM login_attempt ORDER BY subject');
  const before = await rows();
  await expect(begin()).rejects.toMatchObject({ category: 'too-many-requests' });
  expect(await rows()).toEqual(before);
});

test('an account is held back everywhere when it is guessed at from many addresses', async () => {
  for (let index = 0; index < 20; index++) await fail(1, { ...password, address: `10.0.1.${index}` });
  expect(await waitOf({ ...password, address: '10.0.2.1' })).toBe(1);
});

test('an address is held back for all accounts when many are guessed at from it, whatever else succeeds there', async () => {
  for (let index = 0; index < 100; index++) {
    await fail(1, { ...password, account: `victim-${index}` });
    if (index < 99) await (await begin({ ...password, account: 'mine' })).succeeded();
  }
  expect(await waitOf({ ...password, account: 'next-victim' })).toBe(1);
});

test('attempts at a password at the same time do not all pass, on whichever replica', async () => {
  const answers = await Promise.allSettled(
    Array.from({ length: 40 }, (_, index) => begin(password, index % 2 === 0 ? here : there)),
  );
  const passed = answers.filter(({ status }) => status === 'fulfilled').length;
  expect(passed).toBeGreaterThanOrEqual(5);
  // Five at first, and one more after each pause of 1, 2 and 4 s, should the machine be that slow.
  expect(passed).toBeLessThanOrEqual(8);
});

test('attempts with a generated secret may begin all at once, and count when they have failed', async () => {
  const attempts = await Promise.all(Array.from({ length: 50 }, () => begin(generated)));
  for (const attempt of attempts) await attempt.failed();
  // Five count at first, and one more after each pause, should the machine be that slow.
  expect(await waitOf(generated)).toBeGreaterThanOrEqual(1);
});

/** Fails so often, from one address at many accounts. */
async function failFromAddress(times: number, secret: LoginAttempt['secret']): Promise<void> {
  for (let index = 0; index < times; index++) await fail(1, { ...password, account: `${secret} ${index}`, secret });
}

test('log-ins that succeed put off neither the end of the wait of their address nor when its failures are forgotten', async () => {
  await failFromAddress(100, 'password');
  await pass(1);
  await failFromAddress(1, 'password');
  await pass(2);
  await (await begin({ ...password, account: 'mine' })).succeeded();
  expect(await waitOf({ ...password, account: 'other' })).toBeUndefined();
  await pass(890);
  const begun = await begin({ ...password, account: 'mine' });
  await pass(10, 1);
  await (await begin({ ...password, account: 'another' })).succeeded();
  await begun.succeeded();
  await failFromAddress(98, 'password');
  expect(await waitOf({ ...password, account: 'other' })).toBeUndefined();
}, 30_000);

test('an attempt that was never settled counts as a failure', async () => {
  await fail(4);
  await begin();
  expect(await waitOf()).toBe(1);
});

test('an attempt that succeeds takes back itself only', async () => {
  await failFromAddress(98, 'password');
  const mine = await begin({ ...password, account: 'mine' });
  await fail(1, { ...password, account: 'victim' });
  await mine.succeeded();
  await fail(1, { ...password, account: 'next-victim' });
  expect(await waitOf({ ...password, account: 'other' })).toBe(1);
});

test('however many failures were counted, the pause stays a minute and the memory of them small', async () => {
  await fail(5);
  for (let index = 0; index < 20; index++) {
    await pass(60);
    await fail(1);
  }
  expect(await waitOf()).toBe(60);
  expect(await t.rows('SELECT max(cardinality(failed_at)) AS most FROM login_attempt')).toEqual([{ most: 25 }]);
});

test('registrations and wishes for links hold each other back, but no log-ins, nor the other way round', async () => {
  await failFromAddress(100, 'none');
  expect(await waitOf({ ...password, account: 'other' })).toBeUndefined();
  expect(await waitOf({ ...password, account: 'other', secret: 'none' })).toBe(1);
  await t.rows('TRUNCATE login_attempt');
  await failFromAddress(100, 'password');
  expect(await waitOf({ ...password, account: 'other', secret: 'none' })).toBeUndefined();
});

test('clients with their secrets are not held back for what others guess at from their address, nor do they hold back others', async () => {
  await failFromAddress(100, 'password');
  expect(await waitOf({ ...generated, account: 'client' })).toBeUndefined();
  await t.rows('TRUNCATE login_attempt');
  await failFromAddress(101, 'generated');
  expect(await waitOf({ ...password, account: 'other' })).toBeUndefined();
});

test('what is forgotten is removed as others try', async () => {
  for (let index = 0; index < 6; index++)
    await fail(1, { ...password, account: `old-${index}`, address: `old-${index}` });
  await pass(1000);
  await fail(2, { ...password, account: 'new' });
  expect(await t.rows('SELECT 1 FROM login_attempt')).toHaveLength(3);
});

test('accounts and addresses are kept as hashes only', async () => {
  await fail(1, { ...password, account: 'nia@example.org', address: '192.0.2.77' });
  const [row] = await t.rows<{ text: string }>(
    `SELECT string_agg(encode(subject, 'escape'), ' ') AS text FROM login_attempt`,
  );
  expect(row?.text).toBeDefined();
  for (const name of ['nia', '192.0.2.77']) expect(row?.text).not.toContain(name);
});

test('log-ins of one account at the same time do not wait for each other in a circle', async () => {
  const deadline = Date.now() + 4_000;
  const logIn = async (account: string): Promise<void> => {
    while (Date.now() < deadline) await (await begin({ ...password, account }, there)).succeeded();
  };
  // Fewer at a time than are free, so that nobody is held back.
  await Promise.all(['a', 'b'].flatMap((account) => [logIn(account), logIn(account), logIn(account), logIn(account)]));
  expect(await t.rows('SELECT cardinality(failed_at) AS left FROM login_attempt')).toEqual([{ left: 0 }]);
});
