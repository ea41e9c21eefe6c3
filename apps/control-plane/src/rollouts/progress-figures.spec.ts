import type { ProjectCount, RolloutProgress } from '#control-database';
import { countBackfills, countStates, estimateEnd, ratePerMinute } from './progress-figures.js';
import { requestedPlan } from './requested-plan.js';

const now = new Date('2026-11-21T12:00:00Z');
const count = (state: ProjectCount['state'], projects: number, more: Partial<ProjectCount> = {}): ProjectCount => ({
  ...{ wave: 0, state, backfill: 'none', projects },
  ...more,
});
const aProgress = (more: Partial<RolloutProgress> = {}) =>
  ({
    now,
    waves: [{}, {}],
    counts: [count('done', 10), count('pending', 20)],
    waiting: { projects: 0, until: null },
    pace: { projects: 10, overMs: 60_000, idleMs: 100 },
    ...more,
  }) as RolloutProgress;
const plan = requestedPlan({ pauseBetweenWaves: 'PT5M', health: { window: 'PT1M' } }, new Map());
const running = { state: 'running', plan, wave: 1 } as const;

test('projects are counted over waves and backfills', () => {
  const counts = [count('done', 2, { backfill: 'done' }), count('done', 3, { wave: 1, backfill: 'pending' })];
  expect(countStates(counts)).toEqual({ pending: 0, running: 0, done: 5, failed: 0, skipped: 0 });
  expect(countBackfills(counts)).toEqual({ pending: 3, done: 2, failed: 0 });
});

describe('the rate', () => {
  test('is of the last minute', () => {
    expect(ratePerMinute(aProgress())).toBe(10);
    expect(ratePerMinute(aProgress({ pace: { projects: 3, overMs: 20_000, idleMs: 0 } }))).toBe(9);
  });

  test('is 0 before the first project and a minute after the last', () => {
    expect(ratePerMinute(aProgress({ pace: { projects: 0, overMs: 0, idleMs: null } }))).toBe(0);
    expect(ratePerMinute(aProgress({ pace: { projects: 9, overMs: 60_000, idleMs: 60_001 } }))).toBe(0);
  });
});

describe('the estimated end', () => {
  test('is the rest at the present pace, and the health window of the last wave', () => {
    expect(estimateEnd(running, aProgress())).toEqual(new Date('2026-11-21T12:03:00Z'));
  });

  test('counts the pauses and windows of all waves to come', () => {
    expect(estimateEnd({ ...running, wave: 0 }, aProgress())).toEqual(new Date('2026-11-21T12:09:00Z'));
  });

  test('is not before the last maintenance window opens, whose projects do not count for the pace', () => {
    const waiting = { projects: 20, until: '2026-11-21T22:00:00Z' };
    expect(estimateEnd(running, aProgress({ waiting }))).toEqual(new Date('2026-11-21T22:00:00Z'));
  });

  test('counts what is left of the rest and of the watch that it is in', () => {
    const finishedAt = '2026-11-21T11:58:00Z';
    const waves = (state: string, settledAt: string | null = null) =>
      aProgress({ waves: [{ finishedAt }, { state, settledAt }] } as unknown as Partial<RolloutProgress>);
    expect(estimateEnd(running, waves('pending'))).toEqual(new Date('2026-11-21T12:06:00Z'));
    expect(estimateEnd(running, waves('running'))).toEqual(new Date('2026-11-21T12:03:00Z'));
    const watched = { ...waves('checking', '2026-11-21T11:59:20Z'), counts: [count('done', 30)] };
    expect(estimateEnd(running, watched)).toEqual(new Date('2026-11-21T12:00:20Z'));
  });

  test('is unknown while data is still filled in, of which nobody knows how long it takes', () => {
    const counts = [count('done', 29), count('done', 1, { backfill: 'pending' })];
    expect(estimateEnd(running, aProgress({ counts }))).toBeNull();
  });

  test('is unknown before the first project and while the rollout does not run', () => {
    expect(estimateEnd(running, aProgress({ pace: { projects: 0, overMs: 0, idleMs: null } }))).toBeNull();
    expect(estimateEnd({ ...running, state: 'paused' }, aProgress())).toBeNull();
  });
});
