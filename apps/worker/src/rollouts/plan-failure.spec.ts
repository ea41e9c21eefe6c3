import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { SchemaFailure } from '#tenant-schema';
import { failureFingerprint, isContention, lockTimeoutMs, planFailure, retryPauseMs } from './plan-failure.js';

const statement = { number: 2, text: 'ALTER TABLE resource ADD x int' };
const failure = (code: string, isTransient: boolean): SchemaFailure => ({
  migration: 'M1',
  statement,
  code,
  message: 'no',
  isTransient,
});
const withoutStatement = ({ statement: _, ...rest }: SchemaFailure): SchemaFailure => rest;
const first = { attempt: 1, attempts: 3, chance: 0 };

describe('a failed try', () => {
  test('that would fail again in the same way counts at once', () => {
    const planned = planFailure(failure('23514', false), first);
    expect(planned).toMatchObject({ state: 'failed', tried: true, error: failure('23514', false) });
    expect(planned.errorFingerprint).toMatch(/^[0-9a-f]{12}$/);
  });

  test('that is transient is repeated after a pause, until the tries are used up', () => {
    const lock = failure('55P03', true);
    expect(isContention(lock)).toBe(false);
    expect(planFailure(lock, first)).toMatchObject({ state: 'pending', waitsFor: 'retry', tried: true, dueInMs: 250 });
    expect(planFailure(lock, { ...first, attempt: 2 })).toMatchObject({ state: 'pending', dueInMs: 500 });
    expect(planFailure(lock, { ...first, attempt: 3 })).toMatchObject({ state: 'failed', tried: true });
  });

  test.each([
    ['the lock of migrations', withoutStatement(failure('55P03', true))],
    ['the database', failure('busy', true)],
    ['the schema', failure('unexpected-schema', false)],
  ])('because somebody else has %s is no try of ours', (_, contention) => {
    expect(isContention(contention)).toBe(true);
    const met = { times: 1, forMs: 0, patienceMs: 60_000 };
    const planned = planFailure(contention, { ...first, attempt: 99, contention: met });
    expect(planned).toMatchObject({ state: 'pending', waitsFor: 'retry', dueInMs: 250 });
    expect(planned.tried).toBeUndefined();
  });

  test('because somebody else is at it is repeated ever more seldom, and counts when nobody can still be at it', () => {
    const after = (times: number, forMs: number) =>
      planFailure(failure('busy', true), { ...first, contention: { times, forMs, patienceMs: 60_000 } });
    expect(after(4, 59_999)).toMatchObject({ state: 'pending', dueInMs: 2_000 });
    expect(after(9, 60_000)).toMatchObject({ state: 'failed', tried: true, error: { code: 'busy' } });
  });
});

describe('failures of one kind', () => {
  test('share a fingerprint, whatever their words', () => {
    expect(failureFingerprint({ ...failure('23514', false), message: 'row 1' })).toBe(
      failureFingerprint({ ...failure('23514', false), message: 'row 2' }),
    );
    const other = { ...failure('23514', false), statement: { ...statement, number: 3 } };
    expect(failureFingerprint(other)).not.toBe(failureFingerprint(failure('23514', false)));
    expect(failureFingerprint(failure('23505', false))).not.toBe(failureFingerprint(failure('23514', false)));
  });
});

describe('waiting', () => {
  const tries = fc.tuple(fc.integer({ min: 1, max: 40 }), fc.double({ min: 0, max: 1, noNaN: true }));

  test('for a lock is short at first, and never longer than two seconds', () => {
    fc.assert(
      fc.property(tries, ([attempt, chance]) => {
        const ms = lockTimeoutMs(attempt, chance);
        expect(ms).toBeGreaterThanOrEqual(170);
        expect(ms).toBeLessThanOrEqual(attempt === 1 ? 200 : 2_000);
      }),
    );
  });

  test('between two tries grows up to a minute', () => {
    fc.assert(
      fc.property(tries, ([attempt, chance]) => {
        const ms = retryPauseMs(attempt, chance);
        expect(ms).toBeGreaterThanOrEqual(250);
        expect(ms).toBeLessThanOrEqual(60_000);
        expect(retryPauseMs(attempt + 1, chance)).toBeGreaterThanOrEqual(ms);
      }),
    );
  });
});
