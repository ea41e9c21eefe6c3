import { policyByType } from '#access-policy';
import type { Context } from '../rights/rights.js';
import { profileIssues } from './profile-checks.js';

/** A context in which each check takes so much of the processor's time, and what it counts. */
function contextOf(projectId: string, milliseconds: number): { context: Context; checks: () => number } {
  let checks = 0;
  const check = (): { issues: [] } => {
    checks++;
    const before = process.cpuUsage();
    while (process.cpuUsage(before).user < milliseconds * 1_000);
    return { issues: [] };
  };
  const tenant = { projectId, version: { profiles: { check } } };
  const caller = { policy: policyByType(() => true, { reason: 'test', projectAdmin: true }) };
  return { context: { tenant, caller } as unknown as Context, checks: () => checks };
}

test('the checks of one request have a time together, which none of them reaches by itself', () => {
  const { context, checks } = contextOf('many-checks', 400);
  const refusals: unknown[] = [];
  for (let entry = 0; entry < 40; entry++) {
    try {
      profileIssues(context, {}, [], () => undefined);
    } catch (error) {
      refusals.push(error);
    }
  }
  expect(checks()).toBeLessThan(20);
  expect(checks() + refusals.length).toBe(40);
  expect(refusals[0]).toMatchObject({ category: 'too-costly' });
  const next = contextOf('neighbour-of-many-checks', 1);
  expect(profileIssues(next.context, {}, [], () => undefined)).toEqual([]);
});
