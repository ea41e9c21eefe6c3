import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { RolloutPlan, RolloutStanding, WaveCounts, WaveStanding, WaveState } from '#control-database';
import { nextAction } from './next-action.js';

const now = new Date('2026-11-21T12:00:00Z');
const ago = (ms: number): Date => new Date(now.getTime() - ms);

const plan: RolloutPlan = {
  waves: [],
  parallel: 4,
  parallelPerCluster: 4,
  pauseBetweenWavesMs: 60_000,
  attempts: 3,
  budget: { failedProjects: 1, failedPercent: 50, errorRateIncreasePct: 50, p95IncreasePct: 50 },
  onExceeded: 'pause',
  verify: false,
  health: { windowMs: 30_000, minRequests: 20, smokeProjects: 1 },
};

const none: WaveCounts = {
  total: 10,
  open: 0,
  waiting: 0,
  running: 0,
  done: 0,
  failed: 0,
  skipped: 0,
  worked: 0,
  backfillsPending: 0,
  backfillsWaiting: 0,
  backfillsFailed: 0,
  nextDueAt: null,
};

function wave(
  position: number,
  state: WaveState,
  counts: Partial<WaveCounts> = {},
  at: Partial<WaveStanding> = {},
): WaveStanding {
  return {
    position,
    state,
    startedAt: null,
    settledAt: null,
    finishedAt: null,
    health: null,
    ...at,
    counts: { ...none, ...counts },
  };
}

const standing = (current: number, ...waves: WaveStanding[]): RolloutStanding => ({
  now,
  state: 'running',
  wave: current,
  waves,
});
const stepOf = (of: RolloutStanding) => nextAction(of, plan).step;

describe('a rollout', () => {
  test.each(['planned', 'paused', 'aborted', 'succeeded'] as const)('that is %s begins nothing', (state) => {
    const action = nextAction({ ...standing(0, wave(0, 'running', { open: 3 })), state }, plan);
    expect(action).toEqual({ claimUpTo: -1, step: { do: 'stop' } });
  });

  test('without waves is planned', () => expect(stepOf(standing(0)).do).toBe('plan'));

  test('ends when everything is through', () => {
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, skipped: 1 }))).do).toBe('finish');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, backfillsPending: 1 }))).do).toBe('wait');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, waiting: 1 }))).do).toBe('wait');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, failed: 1 })))).toMatchObject({
      do: 'pause',
      reason: { code: 'projects-failed' },
    });
    expect(stepOf(standing(1, wave(0, 'passed', { done: 10, backfillsFailed: 1 })))).toMatchObject({
      do: 'pause',
      reason: { code: 'backfills-failed' },
    });
  });

  test('lets stragglers of earlier waves begin, whatever the current wave waits for', () => {
    const passed = wave(0, 'passed', { waiting: 1, worked: 9 }, { finishedAt: ago(1_000) });
    expect(nextAction(standing(1, passed, wave(1, 'pending', { open: 10 })), plan).claimUpTo).toBe(0);
    expect(
      nextAction(standing(1, passed, wave(1, 'checking', { worked: 10 }, { settledAt: now })), plan).claimUpTo,
    ).toBe(0);
    expect(nextAction(standing(1, passed, wave(1, 'running', { open: 10 })), plan).claimUpTo).toBe(1);
    expect(nextAction(standing(1, passed), plan).claimUpTo).toBe(0);
  });
});

describe('a wave', () => {
  test('begins after the rest that the one before it has earned', () => {
    const passed = (ms: number, worked = 10) => wave(0, 'passed', { done: 10, worked }, { finishedAt: ago(ms) });
    const next = wave(1, 'pending', { open: 10 });
    expect(stepOf(standing(1, passed(59_000), next)).do).toBe('wait');
    expect(stepOf(standing(1, passed(60_000), next))).toEqual({ do: 'begin-wave', wave: 1 });
    expect(stepOf(standing(1, passed(0, 0), next)).do).toBe('begin-wave');
  });

  test('is watched when the last of its projects is through', () => {
    expect(stepOf(standing(0, wave(0, 'running', { open: 1, worked: 9 }))).do).toBe('wait');
    expect(stepOf(standing(0, wave(0, 'running', { running: 1, worked: 9 }))).do).toBe('wait');
    expect(stepOf(standing(0, wave(0, 'running', { worked: 9, failed: 1 }))).do).toBe('watch-health');
    expect(stepOf(standing(0, wave(0, 'running', { skipped: 10 }))).do).toBe('pass-wave');
  });

  test('waits for projects outside their maintenance window only while nothing at all has been migrated', () => {
    expect(stepOf(standing(0, wave(0, 'running', { waiting: 2 }))).do).toBe('wait');
    expect(stepOf(standing(0, wave(0, 'running', { waiting: 2, worked: 1 }))).do).toBe('watch-health');
    const passed = wave(0, 'passed', { worked: 5 }, { finishedAt: ago(1e6) });
    expect(stepOf(standing(1, passed, wave(1, 'running', { waiting: 2 }))).do).toBe('pass-wave');
  });

  test('is judged when it has been watched for long enough, and not while a project was put back', () => {
    const checking = (ms: number, counts: Partial<WaveCounts>) =>
      stepOf(standing(0, wave(0, 'checking', { worked: 9, ...counts }, { settledAt: ago(ms) })));
    expect(checking(29_999, {})).toEqual({ do: 'wait', ms: 1 });
    expect(checking(30_000, {})).toEqual({ do: 'judge-health', wave: 0 });
    expect(checking(30_000, { open: 1 })).toEqual({ do: 'begin-wave', wave: 0 });
  });

  test('that was watched so long ago that its counters are forgotten is watched anew', () => {
    const checking = (minutes: number) =>
      stepOf(standing(0, wave(0, 'checking', { worked: 9 }, { settledAt: ago(minutes * 60_000) })));
    expect(checking(58).do).toBe('judge-health');
    expect(checking(60)).toEqual({ do: 'watch-health', wave: 0 });
  });

  test('is not through before its backfills, when it is the first one that had something to do', () => {
    const filling = { worked: 10, backfillsPending: 2 };
    expect(stepOf(standing(0, wave(0, 'running', filling))).do).toBe('wait');
    expect(stepOf(standing(0, wave(0, 'running', { ...filling, backfillsWaiting: 2 }))).do).toBe('watch-health');
    const earlier = (worked: number) => wave(0, 'passed', { worked }, { finishedAt: ago(1e6) });
    expect(stepOf(standing(1, earlier(0), wave(1, 'running', filling))).do).toBe('wait');
    expect(stepOf(standing(1, earlier(5), wave(1, 'running', filling))).do).toBe('watch-health');
  });

  test('that had failed is judged anew when the operator lets the rollout go on', () => {
    expect(stepOf(standing(0, wave(0, 'failed', { worked: 10 })))).toEqual({ do: 'begin-wave', wave: 0 });
  });

  test('fails as soon as its failed projects exceed the budget, by number or by percent', () => {
    const failing = (counts: Partial<WaveCounts>) =>
      nextAction(standing(0, wave(0, 'running', { open: 5, ...counts })), plan);
    expect(failing({ failed: 1 }).step.do).toBe('wait');
    expect(failing({ failed: 2 })).toMatchObject({
      claimUpTo: -1,
      step: { do: 'fail', wave: 0, reason: { code: 'budget-exceeded' } },
    });
    expect(failing({ failed: 1, total: 2 }).step.do).toBe('wait');
    expect(failing({ failed: 1, total: 1 }).step.do).toBe('fail');
    expect(failing({ failed: 1, backfillsFailed: 1 })).toMatchObject({
      step: { do: 'fail', reason: { message: expect.stringContaining('2 of 10') } },
    });
  });

  test('that has passed stays so when a straggler of it fails, and the rollout stops all the same', () => {
    const { step } = nextAction(standing(1, wave(0, 'passed', { failed: 2 }), wave(1, 'running', { open: 5 })), plan);
    expect(step).toMatchObject({ do: 'fail', reason: { message: expect.stringContaining('wave 0') } });
    expect(step).not.toHaveProperty('wave');
  });
});

describe('whatever a rollout looks like', () => {
  const count = fc.nat(3);
  const counts = fc.record({
    open: count,
    waiting: count,
    running: count,
    done: count,
    failed: count,
    skipped: count,
    worked: count,
    backfillsPending: count,
    backfillsWaiting: count,
    backfillsFailed: count,
    nextDueAt: fc.option(fc.integer({ min: 1, max: 5_000 }).map((ms) => new Date(now.getTime() + ms))),
  });
  const state = fc.constantFrom<WaveState>('pending', 'running', 'checking', 'failed', 'passed');
  const at = fc.option(fc.integer({ min: 0, max: 100_000 }).map(ago));
  const standings = fc
    .array(fc.record({ state, counts, settledAt: at, finishedAt: at }), { minLength: 1, maxLength: 4 })
    .chain((waves) =>
      fc.nat(waves.length).map((current) =>
        standing(
          current,
          ...waves.map((each, position) => {
            const { open, waiting, running, done, failed, skipped } = each.counts;
            const total = open + waiting + running + done + failed + skipped;
            const { settledAt, finishedAt } = each;
            return wave(
              position,
              position < current ? 'passed' : each.state,
              { ...each.counts, total },
              { settledAt, finishedAt },
            );
          }),
        ),
      ),
    );

  test('no project begins while the budget of a wave is exceeded, and none of a wave that has not begun', () => {
    fc.assert(
      fc.property(standings, (of) => {
        const { claimUpTo, step } = nextAction(of, plan);
        const reached = of.waves.slice(0, of.wave + 1);
        const exceeded = reached.some(({ counts: { failed, backfillsFailed, total } }) => {
          const lost = failed + backfillsFailed;
          return lost > 1 || 100 * lost > 50 * total;
        });
        if (exceeded) expect([claimUpTo, step.do]).toEqual([-1, 'fail']);
        for (const { position, state: of } of reached) {
          if (of === 'pending' || of === 'failed') expect(claimUpTo).toBeLessThan(position);
        }
        expect(claimUpTo).toBeLessThanOrEqual(of.wave);
      }),
    );
  });

  test('it never ends while anything is left to do', () => {
    fc.assert(
      fc.property(standings, (of) => {
        if (nextAction(of, plan).step.do !== 'finish') return;
        expect(of.wave).toBe(of.waves.length);
        for (const { counts: left } of of.waves) {
          expect(left).toMatchObject({
            open: 0,
            waiting: 0,
            running: 0,
            failed: 0,
            backfillsPending: 0,
            backfillsFailed: 0,
          });
        }
      }),
    );
  });

  test('it looks again within a second, and in time for the next project that is due', () => {
    fc.assert(
      fc.property(standings, (of) => {
        const { step } = nextAction(of, plan);
        if (step.do !== 'wait') return;
        expect(step.ms).toBeGreaterThan(0);
        const due = of.waves.flatMap(({ counts: { nextDueAt } }) =>
          nextDueAt === null ? [] : [nextDueAt.getTime() - now.getTime()],
        );
        expect(step.ms).toBeLessThanOrEqual(Math.min(1_000, ...due));
      }),
    );
  });
});
