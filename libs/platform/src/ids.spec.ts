import { newId, uuidv7 } from './ids.js';

test('a public id is its prefix and 26 characters of Crockford’s base 32', () => {
  expect(newId('op')).toMatch(/^op_[0-9a-hjkmnp-tv-z]{26}$/);
});

test('public ids of different milliseconds sort by time, and none comes twice', async () => {
  const first = newId('cl');
  const start = Date.now();
  while (Date.now() === start) await new Promise(setImmediate);
  const later = Array.from({ length: 1000 }, () => newId('cl'));
  expect(later.every((id) => id > first)).toBe(true);
  expect(new Set(later).size).toBe(1000);
});

test('a UUID is of version 7 and sorts by time', () => {
  const ids = Array.from({ length: 100 }, () => uuidv7());
  expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect([...ids].sort()).toEqual(ids);
});
