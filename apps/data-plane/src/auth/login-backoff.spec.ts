import { beforeEach, expect, test } from '@jest/globals';
import { DomainError } from '#platform';
import { LoginBackoff } from './login-backoff.js';

let now: number;
let backoff: LoginBackoff;
const attempt = { projectId: 'p', clientId: 'c', address: '10.0.0.1' };

beforeEach(() => {
  now = 1_000_000;
  backoff = new LoginBackoff({ now: () => new Date(now) });
});

/** Seconds to wait, or undefined when the attempt is allowed. */
function waitOf(of = attempt): number | undefined {
  try {
    backoff.assertAllowed(of);
    return undefined;
  } catch (error) {
    return (error as DomainError).retryAfterSeconds;
  }
}

const fail = (times: number): void => {
  for (let index = 0; index < times; index++) backoff.failed(attempt);
};

test('the first failures cost nothing', () => {
  fail(4);
  expect(waitOf()).toBeUndefined();
});

test('from then on each failure doubles the wait, up to a minute', () => {
  fail(5);
  const waits = [waitOf()];
  for (let index = 0; index < 8; index++) {
    fail(1);
    waits.push(waitOf());
  }
  expect(waits).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test('the wait ends by itself, and a success or a quarter of an hour forgets the failures', () => {
  fail(6);
  now += 2_000;
  expect(waitOf()).toBeUndefined();
  backoff.succeeded(attempt);
  fail(4);
  expect(waitOf()).toBeUndefined();
  fail(2);
  now += 15 * 60_000;
  fail(4);
  expect(waitOf()).toBeUndefined();
});

test('another project, client or address is not held back', () => {
  fail(9);
  for (const other of [{ projectId: 'q' }, { clientId: 'd' }, { address: '10.0.0.2' }]) {
    expect(waitOf({ ...attempt, ...other })).toBeUndefined();
  }
});
