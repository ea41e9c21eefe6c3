import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
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
const waitOf = (attempt = generated, plane = here): Promise<number | undefined> =>
  begin({ ...attempt, secret: 'generated' }, plane).then(
    () => undefined,
    (error: DomainError) => error.retryAfterSeconds,
  );

/** Makes everything that was counted so much older. */
const pass = (seconds: number): Promise<unknown> =>
  t.rows(`UPDATE login_attempt SET last_at = last_at - make_interval(secs => $1)`, seconds);

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
  expect(await waitOf(generated, there)).toBe(1);
  expect(await waitOf(generated, new LoginBackoff(systemClock))).toBe(1);
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
    expect(await waitOf({ ...generated, ...other })).toBeUndefined();
  }
});

test('addresses of one IPv6 network count together', async () => {
  for (let index = 0; index < 5; index++) await fail(1, { ...password, address: `2001:db8:1:2::${index}` });
  expect(await waitOf({ ...generated, address: '2001:db8:1:2:ffff::1' })).toBe(1);
  expect(await waitOf({ ...generated, address: '2001:db8:1:3::1' })).toBeUndefined();
});

test('who is held back is not counted, and changes nothing', async () => {
  await fail(5);
  const rows = () => t.rows('SELECT subject, failures, last_at, xmin::text FROM login_attempt ORDER BY subject');
  const before = await rows();
  await expect(begin()).rejects.toMatchObject({ category: 'too-many-requests' });
  expect(await rows()).toEqual(before);
});

test('an account is held back everywhere when it is guessed at from many addresses', async () => {
  for (let index = 0; index < 20; index++) await fail(1, { ...password, address: `10.0.1.${index}` });
  expect(await waitOf({ ...generated, address: '10.0.2.1' })).toBe(1);
});

test('an address is held back for all accounts when many are guessed at from it, whatever else succeeds there', async () => {
  for (let index = 0; index < 100; index++) {
    await fail(1, { ...password, account: `victim-${index}` });
    if (index < 99) await (await begin({ ...password, account: 'mine' })).succeeded();
  }
  expect(await waitOf({ ...generated, account: 'next-victim' })).toBe(1);
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
  expect(await waitOf()).toBeGreaterThanOrEqual(1);
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
  expect(await t.rows('SELECT failures FROM login_attempt')).toEqual([{ failures: 0 }]);
});
