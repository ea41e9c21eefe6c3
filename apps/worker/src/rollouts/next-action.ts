import {
  type RolloutPlan,
  type RolloutReason,
  type RolloutStanding,
  trafficSurelyKeptMs,
  trafficWrittenAfterMs,
  type Turns,
  type WaveStanding,
} from '#control-database';
import { budgetExcess } from './failure-budget.js';
import { restBefore, stragglersOf } from './stragglers.js';

/**
 * What a rollout does next, decided from how it stands and from nothing else, so that any worker may take over at any
 * moment. Projects of the current wave and stragglers of one earlier wave (retried, or outside their maintenance window when
 * their wave went) may begin while `turns` says so; the step moves the waves themselves.
 */
export interface NextAction {
  /** Which due projects may begin now. */
  readonly turns: Turns;
  readonly step: Step;
}

export type Step =
  /** Divide the fleet among the waves. */
  | { readonly do: 'plan' }
  /** Let the projects of the wave begin; for one that had failed, judge it again. */
  | { readonly do: 'begin-wave'; readonly wave: number }
  /** The last project of the wave, or of its stragglers, is through: watch their health from now on. */
  | { readonly do: 'watch-health'; readonly wave: number }
  | { readonly do: 'judge-health'; readonly wave: number }
  /** Nothing was changed in this wave, so there is nothing to judge. */
  | { readonly do: 'pass-wave'; readonly wave: number }
  /** The budget is exceeded, by the current wave when one is named: the rollout stops as its plan says. */
  | { readonly do: 'fail'; readonly wave?: number; readonly reason: RolloutReason }
  | { readonly do: 'pause'; readonly reason: RolloutReason }
  /** All waves are through: look for projects that came to an older schema meanwhile, and end if there are none. */
  | { readonly do: 'finish' }
  /** Nothing but waiting, at most so long. */
  | { readonly do: 'wait'; readonly ms: number }
  /** It does not run any more: let what runs end, begin nothing. */
  | { readonly do: 'stop' };

/** How long to wait at most when a notification is expected: what is lost costs this much time. */
export const longestWaitMs = 1_000;

const nobody: Turns = { waves: [], retriedOnly: false };

export function nextAction(standing: RolloutStanding, plan: RolloutPlan): NextAction {
  const { state, waves } = standing;
  if (state !== 'running') return { turns: nobody, step: { do: 'stop' } };
  if (waves.length === 0) return { turns: nobody, step: { do: 'plan' } };
  const current = waves[standing.wave];
  const reached = waves.slice(0, standing.wave + 1);
  const excess = budgetExcess(standing, plan);
  if (excess !== undefined) {
    // Whom an operator has put back was mended; the failures of the others are judged when it is known whether that has helped.
    const isTriedAgain = reached.some(({ counts }) => counts.retried > 0);
    if (!isTriedAgain) return { turns: nobody, step: failing(excess, current) };
    const turns = { waves: reached.map(({ position }) => position), retriedOnly: true };
    return { turns, step: waitFor(standing, longestWaitMs) };
  }
  const late = stragglersOf(standing, plan);
  const lateStep = late?.isThrough === true ? inSettled(late.wave, standing, plan) : undefined;
  if (lateStep !== undefined && lateStep.do !== 'wait') return { turns: nobody, step: lateStep };
  const step = current === undefined ? (lateStep ?? afterLastWave(standing)) : inWave(current, standing, plan);
  const open = [...(late?.isThrough === false ? [late.wave] : []), ...(current?.state === 'running' ? [current] : [])];
  const turns = { waves: open.map(({ position }) => position), retriedOnly: false };
  return { turns, step: sooner(step, lateStep) };
}

function inWave(wave: WaveStanding, standing: RolloutStanding, plan: RolloutPlan): Step {
  const { position, counts, state } = wave;
  switch (state) {
    case 'failed':
      return { do: 'begin-wave', wave: position };
    case 'pending': {
      const restMs = restBefore(position, standing, plan);
      return restMs > 0 ? waitFor(standing, restMs) : { do: 'begin-wave', wave: position };
    }
    case 'running':
      if (!isSettled(wave, standing)) return waitFor(standing, longestWaitMs);
      return { do: counts.unjudged > 0 ? 'watch-health' : 'pass-wave', wave: position };
    case 'checking':
      // A project that was put back meanwhile, by an operator, is part of what is judged.
      if (counts.open + counts.running > 0) return { do: 'begin-wave', wave: position };
      return inSettled(wave, standing, plan);
    case 'passed':
      return { do: 'pass-wave', wave: position };
  }
}

/** What becomes of a wave that is to be judged: one that is not watched yet, not wholly, or not any more is watched first. */
function inSettled(wave: WaveStanding, standing: RolloutStanding, plan: RolloutPlan): Step {
  const { position, state, settledAt, counts } = wave;
  const watchedMs = standing.now.getTime() - (settledAt?.getTime() ?? 0);
  // It may have been paused for so long that what was counted after the wave is forgotten.
  if (state !== 'checking' || counts.unwatched > 0 || watchedMs > trafficSurelyKeptMs)
    return { do: 'watch-health', wave: position };
  const { windowMs } = plan.health;
  const leftMs = windowMs + Math.min(trafficWrittenAfterMs, windowMs) - watchedMs;
  return leftMs > 0 ? waitFor(standing, leftMs) : { do: 'judge-health', wave: position };
}

/**
 * Whether all that the wave waits for is through. Projects outside their maintenance window are not waited for, unless no
 * project of the whole rollout has been migrated yet: a wave that has tried nothing has proved nothing. For the same reason
 * the first wave that had something to do is not through before its backfills are.
 */
function isSettled({ position, counts }: WaveStanding, { waves }: RolloutStanding): boolean {
  if (counts.open + counts.due + counts.running > 0) return false;
  const isFirst = waves.slice(0, position).every((wave) => wave.counts.worked === 0);
  if (isFirst && counts.backfillsPending > counts.backfillsWaiting) return false;
  return counts.waiting === 0 || waves.some((wave) => wave.counts.worked > 0);
}

function afterLastWave(standing: RolloutStanding): Step {
  const total = (count: (wave: WaveStanding) => number): number =>
    standing.waves.reduce((sum, wave) => sum + count(wave), 0);
  const unfinished = total(
    ({ counts }) => counts.open + counts.due + counts.waiting + counts.running + counts.backfillsPending,
  );
  if (unfinished > 0) return waitFor(standing, longestWaitMs);
  const failed = total(({ counts }) => counts.failed);
  const backfills = total(({ counts }) => counts.backfillsFailed);
  if (failed > 0) return { do: 'pause', reason: projectsFailed(failed) };
  if (backfills > 0) return { do: 'pause', reason: backfillsFailed(backfills) };
  return { do: 'finish' };
}

/** At most `ms`, and not beyond the moment at which a project is due. */
function waitFor({ now, waves }: RolloutStanding, ms: number): Step & { do: 'wait' } {
  const due = waves.flatMap(({ counts }) =>
    counts.nextDueAt === null ? [] : [counts.nextDueAt.getTime() - now.getTime()],
  );
  return { do: 'wait', ms: Math.max(1, Math.min(ms, longestWaitMs, ...due)) };
}

const sooner = (step: Step, other: Step | undefined): Step =>
  step.do === 'wait' && other?.do === 'wait' ? { do: 'wait', ms: Math.min(step.ms, other.ms) } : step;

/** A wave that has passed stays so: what failed in it later is a straggler, and stops the rollout all the same. */
function failing(
  { wave, reason }: { readonly wave: number; readonly reason: RolloutReason },
  current: WaveStanding | undefined,
): Step {
  return current?.position === wave ? { do: 'fail', wave, reason } : { do: 'fail', reason };
}

const projectsFailed = (count: number): RolloutReason => ({
  code: 'projects-failed',
  message: `All waves are through, and ${count} projects have failed. Retry or skip them, then resume.`,
});

const backfillsFailed = (count: number): RolloutReason => ({
  code: 'backfills-failed',
  message: `All waves are through, and the backfills of ${count} projects have failed. Retry or skip them, then resume.`,
});
