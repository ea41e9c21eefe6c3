import { refusalOf, schemaTooOld } from './project-state.js';

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
  for (const intent of ['read', 'write'] as const) {
    expect(refusalOf({ state }, intent)).toMatchObject({ category, code });
    expect(refusalOf({ state }, intent)?.retryAfterSeconds).toBe(retryAfterSeconds);
  }
});

test('a project that waits for a rollout is worth another try, and nobody is told whose it is', () => {
  expect(schemaTooOld()).toMatchObject({ category: 'unavailable', code: 'schema-too-old', retryAfterSeconds: 30 });
});

test('an active project serves', () => {
  expect(refusalOf({ state: 'active' }, 'write')).toBeUndefined();
});

describe('read-only maintenance', () => {
  test('serves what only reads and puts off what writes', () => {
    expect(refusalOf({ state: 'maintenance', readOnly: true }, 'read')).toBeUndefined();
    expect(refusalOf({ state: 'maintenance', readOnly: true }, 'write')).toMatchObject({
      category: 'unavailable',
      code: 'project-read-only',
      retryAfterSeconds: 30,
    });
  });

  test('says nothing about other states', () => {
    expect(refusalOf({ state: 'stopped', readOnly: true }, 'read')).toMatchObject({ code: 'project-stopped' });
  });
});
