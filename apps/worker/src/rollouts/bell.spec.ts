import { Bell } from './bell.js';

/** Longer than any test. */
const long = 600_000;

test('who waits hears the ring', async () => {
  const bell = new Bell();
  const waiting = bell.wait(long);
  bell.ring();
  await waiting;
});

test('a ring that nobody waited for is kept, once', async () => {
  const bell = new Bell();
  bell.ring();
  bell.ring();
  await bell.wait(long);
  let hasHeard = false;
  const again = bell.wait(20).then(() => (hasHeard = true));
  await Promise.resolve();
  expect(hasHeard).toBe(false);
  await again;
});
