import { AddressFailures } from './address-failures.js';

let now: number;
let failures: AddressFailures;
const address = '10.0.0.1';

beforeEach(() => {
  now = 1_000_000;
  failures = new AddressFailures({ now: () => new Date(now) });
});

const fail = (times: number): void => {
  for (let index = 0; index < times; index++) failures.count(address);
};

test('the first failures cost nothing, then each doubles the wait, up to a minute', () => {
  fail(299);
  const waits = [failures.waitMs(address)];
  for (let index = 0; index < 9; index++) {
    fail(1);
    waits.push(failures.waitMs(address));
  }
  expect(waits).toEqual([0, 1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  expect(failures.waitMs('10.0.0.2')).toBe(0);
});

test('the wait ends by itself, and a quarter of an hour forgets the failures', () => {
  fail(301);
  now += 1_999;
  expect(failures.waitMs(address)).toBe(1);
  now += 1;
  expect(failures.waitMs(address)).toBe(0);
  now += 15 * 60_000;
  fail(299);
  expect(failures.waitMs(address)).toBe(0);
});

test('what is taken back does not count', () => {
  for (let index = 0; index < 400; index++) {
    failures.uncount(address, failures.count(address));
  }
  fail(299);
  expect(failures.waitMs(address)).toBe(0);
});

test('what succeeds puts off neither the end of the wait nor when the failures are forgotten', () => {
  fail(301);
  now += 1_999;
  failures.uncount(address, failures.count(address));
  expect(failures.waitMs(address)).toBe(1);
  // One always begins before the one before it has ended.
  let begun = failures.count(address);
  for (let minute = 0; minute < 15; minute++) {
    now += 60_000;
    const next = failures.count(address);
    failures.uncount(address, begun);
    begun = next;
  }
  expect(failures.waitMs(address)).toBe(0);
  fail(298);
  expect(failures.waitMs(address)).toBe(0);
});

test('attempts in flight count, and each takes back itself only', () => {
  const begun = Array.from({ length: 300 }, () => failures.count(address));
  expect(failures.waitMs(address)).toBe(1000);
  failures.uncount(address, begun[0]!);
  expect(failures.waitMs(address)).toBe(0);
  fail(1);
  expect(failures.waitMs(address)).toBe(1000);
});
