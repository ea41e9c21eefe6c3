import { expect, test } from '@jest/globals';
import { refusalOf } from './project-state.js';

test.each([
  ['provisioning', 'unavailable', 'project-not-ready', 5],
  ['maintenance', 'unavailable', 'project-maintenance', 30],
  ['stopped', 'unavailable', 'project-stopped', undefined],
  ['failed', 'unavailable', 'project-failed', undefined],
  ['suspended', 'denied', 'project-suspended', undefined],
  ['archived', 'gone', 'project-archived', undefined],
  ['deleting', 'gone', 'project-deleting', undefined],
  ['deleted', 'not-found', 'not-found', undefined],
] as const)('a project that is %s is refused as %s %s', (state, category, code, retryAfterSeconds) => {
  expect(refusalOf(state)).toMatchObject({ category, code });
  expect(refusalOf(state)?.retryAfterSeconds).toBe(retryAfterSeconds);
});

test('an active project serves', () => {
  expect(refusalOf('active')).toBeUndefined();
});
