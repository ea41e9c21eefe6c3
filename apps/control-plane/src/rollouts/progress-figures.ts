import type { ProjectCount, RolloutPlan, RolloutProgress, RolloutProjectState, RolloutState } from '#control-database';

export type StateCounts = Readonly<Record<RolloutProjectState, number>>;

const none: StateCounts = { pending: 0, running: 0, done: 0, failed: 0, skipped: 0 };

/** Adds up the projects by state. */
export function countStates(counts: readonly Pick<ProjectCount, 'state' | 'projects'>[]): StateCounts {
  return counts.reduce((sum, { state, projects }) => ({ ...sum, [state]: sum[state] + projects }), none);
}

/** Projects whose data is still filled in after their migration, and those where that failed. */
export function countBackfills(counts: readonly ProjectCount[]): { pending: number; done: number; failed: number } {
  const sum = (wanted: string) =>
    counts.reduce(
      (all, { state, backfill, projects }) => all + (state === 'done' && backfill === wanted ? projects : 0),
      0,
    );
  return { pending: sum('pending'), done: sum('done'), failed: sum('failed') };
}

const minuteMs = 60_000;

/** Projects per minute as of now: 0 when none was finished for a minute. */
export function ratePerMinute({ pace }: Pick<RolloutProgress, 'pace'>): number {
  if (pace.idleMs === null || pace.idleMs > minuteMs) return 0;
  return Math.round(perMs(pace) * minuteMs * 10) / 10;
}

/**
 * When a running rollout will probably have ended, null when nothing can be said, as while data is still filled in: its
 * pending projects at the pace of the last minute in which it worked, the health windows and pauses of the waves to come,
 * what is left of those that it is in, and whoever waits longest for a maintenance window.
 */
export function estimateEnd(
  { state, plan, wave }: { state: RolloutState; plan: RolloutPlan; wave: number },
  progress: Pick<RolloutProgress, 'now' | 'waves' | 'counts' | 'waiting' | 'pace'>,
): Date | null {
  if (state !== 'running' || countBackfills(progress.counts).pending > 0) return null;
  const { pending, running } = countStates(progress.counts);
  const left = pending + running - progress.waiting.projects;
  const speed = perMs(progress.pace);
  if (left > 0 && speed === 0) return null;
  const wavesAfter = Math.max(0, progress.waves.length - wave - 1);
  const rests = wavesAfter * (plan.health.windowMs + plan.pauseBetweenWavesMs) + restOfWave({ plan, wave }, progress);
  const ends = progress.now.getTime() + (left > 0 ? left / speed : 0) + rests;
  const { until } = progress.waiting;
  return new Date(Math.round(until === null ? ends : Math.max(ends, Date.parse(until))));
}

/** How long the current wave rests before it begins, and is watched when its projects are through, from now on. */
function restOfWave(
  { plan, wave }: { plan: RolloutPlan; wave: number },
  { now, waves }: Pick<RolloutProgress, 'now' | 'waves'>,
): number {
  const current = waves[wave];
  if (current === undefined) return 0;
  const left = (since: string | null, ms: number): number =>
    since === null ? ms : Math.max(0, Date.parse(since) + ms - now.getTime());
  const { windowMs } = plan.health;
  if (current.state === 'checking') return left(current.settledAt, windowMs);
  const before = waves[wave - 1]?.finishedAt ?? null;
  const isResting = current.state === 'pending' && before !== null;
  return windowMs + (isResting ? left(before, plan.pauseBetweenWavesMs) : 0);
}

/** The first few say little about the pace, least of all within their first second. */
function perMs({ projects, overMs }: RolloutProgress['pace']): number {
  return projects / Math.max(overMs, 1_000);
}
