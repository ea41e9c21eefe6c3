import {
  type RolloutPlan,
  type RolloutReason,
  type RolloutStanding,
  trafficKeptMs,
  type WaveStanding,
} from '#control-database';

/**
 * What a rollout does next, decided from how it stands and from nothing else, so that any worker may take over at any
 * moment. Projects of the current wave and stragglers of earlier ones (retried, or outside their maintenance window when
 * their wave went) may begin while `claimUpTo` says so; the step moves the waves themselves.
 */
export interface NextAction {
  /** Due projects of the waves up to this one may begin now; -1: none. */
  readonly claimUpTo: number;
  readonly step: Step;
}

export type Step =
  /** Divide the fleet among the waves. */
  | { readonly do: 'plan' }
  /** Let the projects of the wave begin; for one that had failed, judge it again. */
  | { readonly do: 'begin-wave'; readonly wave: number }
  /** The wave's last project is through: watch its health from now on. */
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

/** A wave whose watch began longer ago than this is not judged by what is left of its counters; clocks may differ a little. */
const countedMs = trafficKeptMs - 60_000;

export function nextAction(standing: RolloutStanding, plan: RolloutPlan): NextAction {
  const { state, waves } = standing;
  if (state !== 'running') return { claimUpTo: -1, step: { do: 'stop' } };
  if (waves.length === 0) return { claimUpTo: -1, step: { do: 'plan' } };
  const current = waves[standing.wave];
  const exceeded = waves.slice(0, standing.wave + 1).flatMap((wave) => overBudget(wave, plan));
  if (exceeded[0] !== undefined) return { claimUpTo: -1, step: failing(exceeded[0], current) };
  if (current === undefined) return { claimUpTo: waves.length - 1, step: afterLastWave(standing) };
  const isRunning = current.state === 'running';
  return { claimUpTo: isRunning ? standing.wave : standing.wave - 1, step: inWave(current, standing, plan) };
}

function inWave(wave: WaveStanding, standing: RolloutStanding, plan: RolloutPlan): Step {
  const { position, counts, state } = wave;
  switch (state) {
    case 'failed':
      return { do: 'begin-wave', wave: position };
    case 'pending':
      return restOf(standing, plan) > 0
        ? waitFor(standing, restOf(standing, plan))
        : { do: 'begin-wave', wave: position };
    case 'running':
      if (!isSettled(wave, standing)) return waitFor(standing, longestWaitMs);
      return { do: counts.worked > 0 ? 'watch-health' : 'pass-wave', wave: position };
    case 'checking': {
      // A project that was put back meanwhile, by an operator, is part of what is judged.
      if (counts.open + counts.running > 0) return { do: 'begin-wave', wave: position };
      const watchedMs = standing.now.getTime() - (wave.settledAt?.getTime() ?? 0);
      // It was paused for so long that what was counted after the wave is forgotten.
      if (watchedMs > countedMs) return { do: 'watch-health', wave: position };
      const leftMs = plan.health.windowMs - watchedMs;
      return leftMs > 0 ? waitFor(standing, leftMs) : { do: 'judge-health', wave: position };
    }
    case 'passed':
      return { do: 'pass-wave', wave: position };
  }
}

/**
 * Whether all that the wave waits for is through. Projects outside their maintenance window are not waited for, unless no
 * project of the whole rollout has been migrated yet: a wave that has tried nothing has proved nothing. For the same reason
 * the first wave that had something to do is not through before its backfills are.
 */
function isSettled({ position, counts }: WaveStanding, { waves }: RolloutStanding): boolean {
  if (counts.open + counts.running > 0) return false;
  const isFirst = waves.slice(0, position).every((wave) => wave.counts.worked === 0);
  if (isFirst && counts.backfillsPending > counts.backfillsWaiting) return false;
  return counts.waiting === 0 || waves.some((wave) => wave.counts.worked > 0);
}

/** How long to rest before the current wave, in ms; after a wave that did nothing there is no need to. */
function restOf({ wave, waves, now }: RolloutStanding, plan: RolloutPlan): number {
  const last = waves.slice(0, wave).findLast(({ counts }) => counts.worked > 0);
  if (last?.finishedAt == null) return 0;
  return last.finishedAt.getTime() + plan.pauseBetweenWavesMs - now.getTime();
}

function afterLastWave(standing: RolloutStanding): Step {
  const total = (count: (wave: WaveStanding) => number): number =>
    standing.waves.reduce((sum, wave) => sum + count(wave), 0);
  const unfinished = total(({ counts }) => counts.open + counts.waiting + counts.running + counts.backfillsPending);
  if (unfinished > 0) return waitFor(standing, longestWaitMs);
  const failed = total(({ counts }) => counts.failed);
  const backfills = total(({ counts }) => counts.backfillsFailed);
  if (failed > 0) return { do: 'pause', reason: projectsFailed(failed) };
  if (backfills > 0) return { do: 'pause', reason: backfillsFailed(backfills) };
  return { do: 'finish' };
}

/** At most `ms`, and not beyond the moment at which a project is due. */
function waitFor({ now, waves }: RolloutStanding, ms: number): Step {
  const due = waves.flatMap(({ counts }) =>
    counts.nextDueAt === null ? [] : [counts.nextDueAt.getTime() - now.getTime()],
  );
  return { do: 'wait', ms: Math.max(1, Math.min(ms, longestWaitMs, ...due)) };
}

interface Excess {
  readonly wave: number;
  readonly message: string;
}

/** What the wave's failed projects, those whose backfills have failed included, exceed of its budget. */
function overBudget({ position, counts }: WaveStanding, { budget }: RolloutPlan): Excess[] {
  const { backfillsFailed, total } = counts;
  const failed = counts.failed + backfillsFailed;
  const inBackfills = backfillsFailed === 0 ? '' : ` (${backfillsFailed} in their backfills)`;
  const percent = total === 0 ? 0 : (100 * failed) / total;
  if (failed > budget.failedProjects) {
    return [
      {
        wave: position,
        message: `${failed} of ${total} projects of wave ${position} failed${inBackfills}; the budget is ${budget.failedProjects}.`,
      },
    ];
  }
  if (percent > budget.failedPercent) {
    return [
      {
        wave: position,
        message: `${round(percent)} % of wave ${position} failed${inBackfills}; the budget is ${budget.failedPercent} %.`,
      },
    ];
  }
  return [];
}

/** A wave that has passed stays so: what failed in it later is a straggler, and stops the rollout all the same. */
function failing({ wave, message }: Excess, current: WaveStanding | undefined): Step {
  const reason = { code: 'budget-exceeded', message };
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

const round = (percent: number): number => Math.round(percent * 10) / 10;
