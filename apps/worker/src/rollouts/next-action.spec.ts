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
  due: 0,
  waiting: 0,
  retried: 0,
  running: 0,
  done: 0,
  failed: 0,
  skipped: 0,
  tried: 0,
  worked: 0,
  unjudged: 0,
  unwatched: 0,
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

/** Of a wave in which so many were migrated and nobody has judged them yet. */
const migrated = (worked: number): Partial<WaveCounts> => ({ worked, tried: worked, unjudged: worked });

const standing = (current: number, ...waves: WaveStanding[]): RolloutStanding => ({
  now,
  state: 'running',
  wave: current,
  waves,
});
const stepOf = (of: RolloutStanding) => nextAction(of, plan).step;
const wavesOf = (of: RolloutStanding) => nextAction(of, plan).turns.waves;
const nobody = { waves: [], retriedOnly: false };

describe('a rollout', () => {
  test.each(['planned', 'paused', 'aborted', 'succeeded'] as const)('that is %s begins nothing', (state) => {
    const action = nextAction({ ...standing(0, wave(0, 'running', { open: 3 })), state }, plan);
    expect(action).toEqual({ turns: nobody, step: { do: 'stop' } });
  });

  test('without waves is planned', () => expect(stepOf(standing(0)).do).toBe('plan'));

  test('ends when everything is through', () => {
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, skipped: 1 }))).do).toBe('finish');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, backfillsPending: 1 }))).do).toBe('wait');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, waiting: 1 }))).do).toBe('wait');
    expect(stepOf(standing(1, wave(0, 'passed', { done: 9, worked: 9, tried: 10, failed: 1 })))).toMatchObject({
      do: 'pause',
      reason: { code: 'projects-failed' },
    });
    expect(
      stepOf(standing(1, wave(0, 'passed', { done: 10, worked: 10, tried: 10, backfillsFailed: 1 }))),
    ).toMatchObject({
      do: 'pause',
      reason: { code: 'backfills-failed' },
    });
  });
});

describe('stragglers of an earlier wave', () => {
  const long = { finishedAt: ago(1e6), settledAt: ago(1e6) };
  const passed = (position: number, counts: Partial<WaveCounts>, at: Partial<WaveStanding> = long) =>
    wave(position, 'passed', counts, at);
  const next = wave(2, 'running', { open: 10 });

  test.each([
    ['is to be retried', { open: 1 }],
    ['has its maintenance window open', { due: 1 }],
  ])('begin when one %s, whatever the current wave waits for', (_, counts) => {
    const late = passed(0, { ...counts, worked: 9 });
    expect(wavesOf(standing(1, late, wave(1, 'pending', { open: 10 })))).toEqual([0]);
    expect(wavesOf(standing(1, late, wave(1, 'checking', migrated(10), { settledAt: now })))).toEqual([0]);
    expect(wavesOf(standing(1, late, wave(1, 'running', { open: 10 })))).toEqual([0, 1]);
    expect(wavesOf(standing(1, late))).toEqual([0]);
    expect(wavesOf(standing(1, passed(0, { waiting: 1, worked: 9 })))).toEqual([]);
  });

  test('are a wave of their own: those of another one wait until they are judged', () => {
    const due = passed(1, { due: 5 });
    const during = (first: WaveStanding) => nextAction(standing(2, first, due, next), plan);
    expect(during(passed(0, { due: 3, worked: 1 })).turns.waves).toEqual([0, 2]);
    expect(during(passed(0, { running: 3, worked: 1 })).turns.waves).toEqual([0, 2]);
    expect(during(passed(0, { worked: 4, unjudged: 3 })).step).toEqual({ do: 'watch-health', wave: 0 });
    const checking = wave(0, 'checking', { worked: 4, unjudged: 3 }, { settledAt: ago(1_000) });
    expect(during(checking)).toMatchObject({ turns: { waves: [2] }, step: { do: 'wait' } });
    expect(during({ ...checking, settledAt: ago(40_000) }).step).toEqual({ do: 'judge-health', wave: 0 });
    expect(during(wave(0, 'failed', { worked: 4, unjudged: 3 })).step).toEqual({ do: 'watch-health', wave: 0 });
    expect(during(passed(0, { worked: 4 })).turns.waves).toEqual([1, 2]);
  });

  test('rest as a wave does, behind the earlier wave that was judged last', () => {
    const late = (finishedAt: Date) =>
      wavesOf(standing(2, passed(0, { worked: 1 }, { finishedAt }), passed(1, { due: 5 }, { finishedAt: now })));
    expect(late(ago(59_000))).toEqual([]);
    expect(late(ago(60_000))).toEqual([1]);
  });

  test('are judged before the rollout ends, and those that were migrated during the watch are watched too', () => {
    const late = (counts: Partial<WaveCounts>) =>
      stepOf(standing(1, wave(0, 'checking', { worked: 4, unjudged: 3, ...counts }, { settledAt: ago(50_000) })));
    expect(stepOf(standing(1, passed(0, { worked: 4, unjudged: 3 })))).toEqual({ do: 'watch-health', wave: 0 });
    expect(late({})).toEqual({ do: 'judge-health', wave: 0 });
    expect(late({ unwatched: 1 })).toEqual({ do: 'watch-health', wave: 0 });
    expect(stepOf(standing(1, passed(0, { worked: 4 })))).toEqual({ do: 'finish' });
  });
});

describe('projects that an operator has put back', () => {
  const turnsOf = (...waves: WaveStanding[]) => nextAction(standing(waves.length - 1, ...waves), plan);

  test('run alone before the failures of the others are judged again', () => {
    const turns = { waves: [0], retriedOnly: true };
    expect(turnsOf(wave(0, 'failed', { failed: 3, open: 6, retried: 1 }))).toMatchObject({
      turns,
      step: { do: 'wait' },
    });
    expect(turnsOf(wave(0, 'failed', { failed: 3, open: 5, running: 1, retried: 1 }))).toMatchObject({ turns });
    expect(turnsOf(wave(0, 'failed', { failed: 3, open: 5, worked: 1 }))).toMatchObject({
      turns: nobody,
      step: { do: 'fail' },
    });
    const passed = wave(0, 'passed', { worked: 9, retried: 1 });
    expect(turnsOf(passed, wave(1, 'running', { failed: 3, open: 5 })).turns).toEqual({
      waves: [0, 1],
      retriedOnly: true,
    });
  });

  test('are like all others while no wave has too many failures', () => {
    expect(turnsOf(wave(0, 'running', { failed: 1, open: 6, retried: 1 })).turns).toEqual({
      waves: [0],
      retriedOnly: false,
    });
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
    for (const left of ['open', 'due', 'running'] as const) {
      expect(stepOf(standing(0, wave(0, 'running', { [left]: 1, ...migrated(9) }))).do).toBe('wait');
    }
    expect(stepOf(standing(0, wave(0, 'running', { ...migrated(9), failed: 1 }))).do).toBe('watch-health');
    expect(stepOf(standing(0, wave(0, 'running', { skipped: 10 }))).do).toBe('pass-wave');
  });

  test('waits for projects outside their maintenance window only while nothing at all has been migrated', () => {
    expect(stepOf(standing(0, wave(0, 'running', { waiting: 2 }))).do).toBe('wait');
    expect(stepOf(standing(0, wave(0, 'running', { waiting: 2, ...migrated(1) }))).do).toBe('watch-health');
    const passed = wave(0, 'passed', { worked: 5 }, { finishedAt: ago(1e6) });
    expect(stepOf(standing(1, passed, wave(1, 'running', { waiting: 2 }))).do).toBe('pass-wave');
  });

  test('is judged when it has been watched for long enough, and not while a project was put back', () => {
    const checking = (ms: number, counts: Partial<WaveCounts>) =>
      stepOf(standing(0, wave(0, 'checking', { ...migrated(9), ...counts }, { settledAt: ago(ms) })));
    // Ten seconds after the window all is written that was counted in it.
    expect(checking(39_999, {})).toEqual({ do: 'wait', ms: 1 });
    expect(checking(40_000, {})).toEqual({ do: 'judge-health', wave: 0 });
    expect(checking(40_000, { open: 1 })).toEqual({ do: 'begin-wave', wave: 0 });
  });

  test('that was watched so long ago that its counters are forgotten is watched anew', () => {
    const checking = (minutes: number) =>
      stepOf(standing(0, wave(0, 'checking', migrated(9), { settledAt: ago(minutes * 60_000) })));
    expect(checking(58).do).toBe('judge-health');
    expect(checking(60)).toEqual({ do: 'watch-health', wave: 0 });
  });

  test('is not through before its backfills, when it is the first one that had something to do', () => {
    const filling = { ...migrated(10), backfillsPending: 2 };
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
      turns: nobody,
      step: { do: 'fail', wave: 0, reason: { code: 'budget-exceeded' } },
    });
    expect(failing({ failed: 1, tried: 1, open: 1 }).step.do).toBe('wait');
    expect(failing({ failed: 1, tried: 1, open: 0 }).step.do).toBe('fail');
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
    due: count,
    waiting: count,
    retried: count,
    running: count,
    done: count,
    failed: count,
    skipped: count,
    tried: count,
    worked: count,
    unjudged: count,
    unwatched: count,
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
            const { open, due, waiting, running, done, failed, skipped } = each.counts;
            const total = open + due + waiting + running + done + failed + skipped;
            const { settledAt, finishedAt } = each;
            return wave(
              position,
              position < current && each.state !== 'checking' && each.state !== 'failed' ? 'passed' : each.state,
              { ...each.counts, total },
              { settledAt, finishedAt },
            );
          }),
        ),
      ),
    );

  test('no project begins while the budget of a wave is exceeded, but who was put back, and none of a wave that has not begun', () => {
    fc.assert(
      fc.property(standings, (of) => {
        const { turns, step } = nextAction(of, plan);
        const reached = of.waves.slice(0, of.wave + 1);
        const exceeded = reached.some(({ counts: { failed, backfillsFailed } }) => failed + backfillsFailed > 1);
        const retried = reached.some(({ counts }) => counts.retried > 0);
        if (exceeded && !retried) expect([turns, step.do]).toEqual([nobody, 'fail']);
        if (exceeded && retried) expect([turns.retriedOnly, step.do]).toEqual([true, 'wait']);
        for (const position of turns.waves) {
          expect(position).toBeLessThanOrEqual(of.wave);
          if (!turns.retriedOnly) expect(of.waves[position]!.state).not.toBe('pending');
        }
      }),
      { seed: 1 },
    );
  });

  test('at most one earlier wave has its turn beside the current one, and none while another is judged', () => {
    fc.assert(
      fc.property(standings, (of) => {
        const { turns } = nextAction(of, plan);
        if (turns.retriedOnly) return;
        const earlier = turns.waves.filter((position) => position < of.wave);
        expect(earlier.length).toBeLessThanOrEqual(1);
        const isAtIt = ({ position, state, counts }: WaveStanding) =>
          position !== earlier[0] && position < of.wave && (state !== 'passed' || counts.unjudged > 0);
        // Of several that are at it at once (they were put back) the first comes first.
        const first = of.waves.find(isAtIt);
        if (earlier[0] !== undefined && first !== undefined) expect(first.position).toBeGreaterThan(earlier[0]);
      }),
      { seed: 1 },
    );
  });

  test('it never ends while anything is left to do', () => {
    fc.assert(
      fc.property(standings, (of) => {
        if (nextAction(of, plan).step.do !== 'finish') return;
        expect(of.wave).toBe(of.waves.length);
        for (const { counts: left, state } of of.waves) {
          expect(state).toBe('passed');
          expect(left).toMatchObject({
            open: 0,
            due: 0,
            waiting: 0,
            running: 0,
            unjudged: 0,
            failed: 0,
            backfillsPending: 0,
            backfillsFailed: 0,
          });
        }
      }),
      { seed: 1 },
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
      { seed: 1 },
    );
  });
});
