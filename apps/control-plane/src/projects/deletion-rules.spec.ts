import type { ProjectState } from '#control-database';
import { planDelete, planPurge } from './deletion-rules.js';

describe('planDelete', () => {
  test.each<[ProjectState, number, string]>([
    ['active', 30, 'delete'],
    ['active', 0, 'purge'],
    ['suspended', 1, 'delete'],
    ['stopped', 30, 'delete'],
    ['archived', 30, 'delete'],
    ['failed', 30, 'purge'],
    ['deleting', 5, 'nothing'],
    ['deleting', 0, 'purge'],
    ['deleted', 0, 'nothing'],
  ])('a project that is %s, kept for %d days: %s', (state, days, plan) => {
    expect(planDelete(state, days)).toBe(plan);
  });

  test.each<ProjectState>(['provisioning', 'maintenance'])('a project in state %s cannot be deleted', (state) => {
    const allowed = ['active', 'suspended', 'stopped', 'archived', 'failed'] as const;
    const details = { from: state, to: 'deleting', allowed };
    expect(() => planDelete(state, 30)).toThrow(expect.objectContaining({ code: 'invalid-transition', details }));
    for (const each of allowed) expect(planDelete(each, 0)).toBe('purge');
  });
});

describe('planPurge', () => {
  test('follows a deletion and can be repeated', () => {
    expect(planPurge('deleting')).toBe('purge');
    expect(planPurge('deleted')).toBe('nothing');
  });

  test.each<ProjectState>(['provisioning', 'failed', 'active', 'suspended', 'stopped', 'maintenance', 'archived'])(
    'is refused for a project in state %s',
    (state) => {
      expect(() => planPurge(state)).toThrow(
        expect.objectContaining({ details: { from: state, to: 'deleted', allowed: ['deleting'] } }),
      );
    },
  );
});
