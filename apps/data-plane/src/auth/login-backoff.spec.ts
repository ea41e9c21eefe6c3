import { beforeEach, expect, test } from '@jest/globals';
import { DomainError } from '#platform';
import { type LoginAttempt, LoginBackoff } from './login-backoff.js';

let now: number;
let backoff: LoginBackoff;
const attempt: LoginAttempt = { projectId: 'p', account: 'c', address: '10.0.0.1', secret: 'generated' };
const password: LoginAttempt = { ...attempt, secret: 'password' };

beforeEach(() => {
  now = 1_000_000;
  backoff = new LoginBackoff({ now: () => new Date(now) });
});

/** Seconds to wait, or undefined when the attempt is allowed. */
function waitOf(of = attempt): number | undefined {
  try {
    backoff.begin({ ...of, secret: 'generated' });
    return undefined;
  } catch (error) {
    return (error as DomainError).retryAfterSeconds;
  }
}

const attempts = (times: number, of = attempt): { failed(): void; succeeded(): void }[] =>
  Array.from({ length: times }, () => backoff.begin(of));
/** Fails without waiting for pauses: all the attempts began before the first failed. */
const fail = (times: number, of = attempt): void => attempts(times, of).forEach((begun) => begun.failed());

test('the first failures cost nothing', () => {
  fail(4);
  expect(waitOf()).toBeUndefined();
});

test('from then on each failure doubles the wait, up to a minute', () => {
  const begun = attempts(13);
  for (const one of begun.splice(0, 5)) one.failed();
  const waits = [waitOf()];
  for (const one of begun) {
    one.failed();
    waits.push(waitOf());
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test('the wait ends by itself, and a success or a quarter of an hour forgets the failures', () => {
  const [good] = attempts(1);
  fail(6);
  now += 2_000;
  expect(waitOf()).toBeUndefined();
  good?.succeeded();
  fail(4);
  expect(waitOf()).toBeUndefined();
  fail(2);
  now += 15 * 60_000;
  fail(4);
  expect(waitOf()).toBeUndefined();
});

test('another project, account or address is not held back', () => {
  fail(9);
  for (const other of [{ projectId: 'q' }, { account: 'd' }, { address: '10.0.0.2' }]) {
    expect(waitOf({ ...attempt, ...other })).toBeUndefined();
  }
});

test('an account is held back everywhere when it is guessed at from many addresses', () => {
  for (let index = 0; index < 20; index++) fail(1, { ...attempt, address: `10.0.1.${index}` });
  expect(waitOf({ ...attempt, address: '10.0.2.1' })).toBe(1);
});

test('an address is held back for all accounts when many are guessed at from it', () => {
  for (let index = 0; index < 100; index++) fail(1, { ...attempt, account: `account-${index}` });
  expect(waitOf({ ...attempt, account: 'another' })).toBe(1);
});

test('an address is held back in all projects when it guesses in many of them', () => {
  for (let index = 0; index < 300; index++) {
    fail(1, { ...attempt, projectId: `project-${index % 10}`, account: `account-${index}` });
  }
  expect(waitOf({ ...attempt, projectId: 'another', account: 'another' })).toBe(1);
  expect(waitOf({ ...attempt, projectId: 'another', account: 'another', address: '10.0.0.2' })).toBeUndefined();
});

test('attempts at a password count when they begin, so that many at once do not all pass', () => {
  attempts(5, password);
  expect(() => backoff.begin(password)).toThrow('Too many failed log-ins');
});

test('attempts with a generated secret may begin all at once', () => {
  expect(attempts(50)).toHaveLength(50);
});

test('people who log in rightly do not use up the patience with their address', () => {
  for (let index = 0; index < 150; index++) {
    backoff.begin({ ...password, account: `person-${index}` }).succeeded();
  }
  expect(waitOf({ ...attempt, account: 'another' })).toBeUndefined();
});

test('an own account does not clear the address from which others are guessed at', () => {
  for (let index = 0; index < 100; index++) {
    fail(1, { ...password, account: `victim-${index}` });
    if (index < 99) backoff.begin({ ...password, account: 'mine' }).succeeded();
  }
  expect(waitOf({ ...attempt, account: 'next-victim' })).toBe(1);
});
