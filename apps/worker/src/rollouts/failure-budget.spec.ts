import type { RolloutPlan, RolloutStanding, WaveCounts } from '#control-database';
import { budgetExcess } from './failure-budget.js';

const none: WaveCounts = {
  ...{ total: 10, open: 0, due: 0, waiting: 0, retried: 0, running: 0, done: 0, failed: 0, skipped: 0, tried: 0 },
  ...{ worked: 0, unjudged: 0, unwatched: 0, backfillsPending: 0, backfillsWaiting: 0, backfillsFailed: 0 },
  nextDueAt: null,
};

const standing = (...waves: Partial<WaveCounts>[]): RolloutStanding => ({
  ...{ now: new Date(), state: 'running', wave: waves.length - 1 },
  waves: waves.map((counts, position) => ({
    ...{ position, state: 'running', startedAt: null, settledAt: null, finishedAt: null, health: null },
    counts: { ...none, ...counts },
  })),
});

const excessOf = (budget: Partial<RolloutPlan['budget']>, ...waves: Partial<WaveCounts>[]) =>
  budgetExcess(standing(...waves), {
    budget: { failedProjects: 1_000, failedPercent: 100, errorRateIncreasePct: 50, p95IncreasePct: 50, ...budget },
  } as RolloutPlan);
const wordsOf = (...of: Parameters<typeof excessOf>) => excessOf(...of)?.reason.message;

describe('the budget of a wave', () => {
  test('is told in the words of the request: the number of failures that stops it', () => {
    const counts = { total: 4, failed: 2, tried: 2, worked: 1, open: 2 };
    expect(wordsOf({ failedProjects: 0 }, counts)).toBe('2 of 4 projects of wave 0 failed; 1 stops it.');
    expect(wordsOf({ failedProjects: 1 }, counts)).toBe('2 of 4 projects of wave 0 failed; 2 stop it.');
    expect(excessOf({ failedProjects: 2 }, counts)).toBeUndefined();
    expect(wordsOf({ failedProjects: 0 }, { worked: 3, backfillsFailed: 2 })).toBe(
      '2 of 10 projects of wave 0 failed (2 in their backfills); 1 stops it.',
    );
  });

  test('has a share of those that were tried, not of those that had the schema before or wait', () => {
    const most = { total: 1_000, done: 961, worked: 1, tried: 40, failed: 39 };
    expect(wordsOf({ failedPercent: 5 }, most)).toBe('97.5 % of those tried in wave 0 failed; more than 5 % stop it.');
    expect(wordsOf({ failedPercent: 5 }, { total: 50, worked: 9, tried: 10, failed: 1, waiting: 40 })).toMatch(/^10 %/);
  });

  test('does not take the first failure for all of them while others are still to be tried', () => {
    expect(excessOf({ failedPercent: 5 }, { failed: 1, tried: 1, open: 19 })).toBeUndefined();
    expect(excessOf({ failedPercent: 5 }, { failed: 1, tried: 1, open: 18 })).toBeDefined();
  });

  test('is exceeded by a wave in which all that was tried has failed, whatever it allows', () => {
    const canary = { total: 2, failed: 2, tried: 2 };
    expect(wordsOf({}, canary)).toBe('2 of 2 projects of wave 0 failed, and none was migrated.');
    expect(excessOf({}, { ...canary, total: 3, open: 1 })).toBeUndefined();
    expect(excessOf({}, { ...canary, total: 3, due: 1 })).toBeUndefined();
    expect(excessOf({}, { ...canary, total: 3, waiting: 1 })).toBeDefined();
    expect(excessOf({}, { ...canary, total: 3, worked: 1 })).toBeUndefined();
    expect(excessOf({}, { skipped: 10 })).toBeUndefined();
  });

  test('is that of each wave up to the current one', () => {
    const [good, bad] = [{ worked: 9 }, { failed: 1, worked: 9 }];
    expect(excessOf({ failedProjects: 0 }, good, bad)?.wave).toBe(1);
    expect(excessOf({ failedProjects: 0 }, bad, good)?.wave).toBe(0);
    const { waves } = standing(good, bad);
    expect(
      budgetExcess({ ...standing(good), waves }, { budget: { failedProjects: 0 } } as RolloutPlan),
    ).toBeUndefined();
  });
});
