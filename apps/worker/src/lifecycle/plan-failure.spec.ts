import { maxAttempts } from '#operations';
import { DomainError } from '#platform';
import { planFailure, toOperationError } from './plan-failure.js';

const broken = Object.assign(new Error('password authentication failed for user "fp_x"'), { code: '28P01' });

describe('the plan after a failed step', () => {
  test('tries again with growing pauses and gives up after the last attempt', () => {
    const plans = Array.from({ length: maxAttempts }, (_, index) =>
      planFailure({ step: 'seed', attempt: index + 1, error: broken }, 'undo'),
    );
    expect(plans.map(({ next }) => next)).toEqual(['retry', 'retry', 'retry', 'retry', 'give-up']);
    expect(plans.map((plan) => (plan.next === 'retry' ? plan.delayMs : 0))).toEqual([500, 1000, 2000, 4000, 0]);
  });

  test('gives up at once when the error would come again', () => {
    const taken = new DomainError('conflict', 'database-name-taken', 'A database of this name is not ours.');
    expect(planFailure({ step: 'place', attempt: 1, error: taken }, 'undo')).toEqual({
      next: 'give-up',
      error: { code: 'database-name-taken', step: 'place', message: taken.message, retryable: false },
    });
  });

  test('never gives up an action that has no way back, and pauses for an hour at most', () => {
    const plan = planFailure({ step: 'drop', attempt: 40, error: broken }, 'persist');
    expect(plan).toMatchObject({ next: 'retry', delayMs: 3_600_000 });
  });

  test('ends even an action that has no way back when the error would come again', () => {
    const error = new DomainError('conflict', 'invalid-transition', 'The project is active.');
    expect(planFailure({ step: 'check', attempt: 1, error }, 'persist').next).toBe('give-up');
  });
});

describe("an operation's error", () => {
  test('holds nothing of an error that was not written for readers', () => {
    const error = toOperationError('seed', broken);
    expect(error).toMatchObject({ code: 'step-failed', step: 'seed', retryable: true });
    expect(error.message).toContain('28P01');
    expect(JSON.stringify(error)).not.toContain('fp_x');
  });

  test('names the network error of a cluster that is away', () => {
    const refused = Object.assign(new Error('connect ECONNREFUSED 10.0.0.1:5432'), { code: 'ECONNREFUSED' });
    const { message } = toOperationError('place', refused);
    expect(message).toContain('ECONNREFUSED');
    expect(message).not.toContain('10.0.0.1');
  });
});
