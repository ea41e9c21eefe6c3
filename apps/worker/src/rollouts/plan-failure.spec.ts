import fc from 'fast-check';
import type { SchemaFailure } from '#tenant-schema';
import {
  failureFingerprint,
  lockTimeoutMs,
  obstacleTo,
  planFailure,
  retryPauseMs,
  serverPauseMs,
} from './plan-failure.js';

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
    expect(obstacleTo(lock, true)).toBeUndefined();
    expect(planFailure(lock, first)).toMatchObject({ state: 'pending', waitsFor: 'retry', tried: true, dueInMs: 250 });
    expect(planFailure(lock, { ...first, attempt: 2 })).toMatchObject({ state: 'pending', dueInMs: 500 });
    expect(planFailure(lock, { ...first, attempt: 3 })).toMatchObject({ state: 'failed', tried: true });
  });

  test.each([
    ['the lock of migrations', withoutStatement(failure('55P03', true))],
    ['the database', failure('busy', true)],
    ['the schema', failure('unexpected-schema', false)],
  ])('because somebody else has %s is no try of ours', (_, contention) => {
    expect(obstacleTo(contention, true)).toBe('others');
    const met = { kind: 'others', times: 1, forMs: 0, patienceMs: 60_000 } as const;
    const planned = planFailure(contention, { ...first, attempt: 99, obstacle: met });
    expect(planned).toMatchObject({ state: 'pending', waitsFor: 'retry', dueInMs: 250 });
    expect(planned.tried).toBeUndefined();
  });

  test('because somebody else is at it is repeated ever more seldom, and counts when nobody can still be at it', () => {
    const after = (times: number, forMs: number) =>
      planFailure(failure('busy', true), {
        ...first,
        obstacle: { kind: 'others', times, forMs, patienceMs: 60_000 },
      });
    expect(after(4, 59_999)).toMatchObject({ state: 'pending', dueInMs: 2_000 });
    expect(after(9, 60_000)).toMatchObject({ state: 'failed', tried: true, error: { code: 'busy' } });
  });
});

describe('who gets no connection into a database', () => {
  test.each([
    ['because there is none', '3D000', false, 'others'],
    ['because it is being dropped', '55000', false, 'others'],
    ['because the server does not answer', 'connection', true, 'server'],
    ['because the server is starting', '57P03', true, 'server'],
    ['because the server has no room', '53300', true, 'server'],
    ["because the administrator's password was changed", '28P01', false, 'server'],
  ] as const)('%s has not tried anything', (_, code, isTransient, kind) => {
    const failed = withoutStatement(failure(code, isTransient));
    expect(obstacleTo(failed, false)).toBe(kind);
    const obstacle = { kind, times: 9, forMs: 10_000, patienceMs: 60_000 };
    const planned = planFailure(failed, { ...first, attempt: 99, obstacle });
    expect(planned).toMatchObject({
      state: 'pending',
      waitsFor: kind === 'server' ? 'server' : 'retry',
      error: { code },
    });
    expect(planned.tried).toBeUndefined();
    expect(planFailure(failed, { ...first, obstacle: { ...obstacle, forMs: 60_000 } }).state).toBe('failed');
  });

  test('for another reason has failed', () => expect(obstacleTo(failure('42501', false), false)).toBeUndefined());

  test.each(['3D000', 'connection', '57P01'])('has tried when %s comes in the middle', (code) => {
    expect(obstacleTo(failure(code, true), true)).toBeUndefined();
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
      { seed: 1 },
    );
  });

  test('for a server is never longer than four seconds', () => {
    fc.assert(
      fc.property(tries, ([times, chance]) => expect(serverPauseMs(times, chance)).toBeLessThanOrEqual(4_000)),
      { seed: 1 },
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
      { seed: 1 },
    );
  });
});
