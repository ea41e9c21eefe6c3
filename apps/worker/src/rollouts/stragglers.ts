import type { RolloutPlan, RolloutStanding, WaveStanding } from '#control-database';

/** An earlier wave of which projects come late. */
interface Stragglers {
  readonly wave: WaveStanding;
  /** None of them runs or may begin, and what they have changed is to be judged. */
  readonly isThrough: boolean;
}

/**
 * The earlier wave whose stragglers have their turn: projects that were retried, that waited for their maintenance window or
 * for an operation when their wave went, or that came to the rollout later. They are a wave of their own: those of one wave
 * at a time begin, after the same rest as a wave, and are judged when they are through; those of other waves wait for that.
 * The current wave does not wait for them.
 */
export function stragglersOf(standing: RolloutStanding, plan: RolloutPlan): Stragglers | undefined {
  const earlier = standing.waves.slice(0, standing.wave);
  const begun = earlier.find(({ state, counts }) => state !== 'passed' || counts.running > 0 || counts.unjudged > 0);
  if (begun !== undefined) return { wave: begun, isThrough: begun.counts.open + begun.counts.running === 0 };
  const next = earlier.find(
    ({ position, counts }) => counts.open + counts.due > 0 && restBefore(position, standing, plan) <= 0,
  );
  return next === undefined ? undefined : { wave: next, isThrough: false };
}

/**
 * How long to rest before the wave or its stragglers begin, in ms; none when it is 0 or less. An earlier wave that has
 * changed nothing need not be rested after, and one that was judged again counts from when it was judged first.
 */
export function restBefore(position: number, { waves, now }: RolloutStanding, plan: RolloutPlan): number {
  const ends = waves
    .slice(0, position)
    .flatMap(({ counts, finishedAt }) => (counts.worked > 0 && finishedAt !== null ? [finishedAt.getTime()] : []));
  return ends.length === 0 ? 0 : Math.max(...ends) + plan.pauseBetweenWavesMs - now.getTime();
}
