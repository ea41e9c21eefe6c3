import type { RolloutState } from '#control-database';
import { DomainError } from '#platform';

/** What operators do with a rollout as a whole. */
export type RolloutVerb = 'start' | 'pause' | 'resume' | 'abort';

export const transitions: Readonly<Record<RolloutVerb, { from: readonly RolloutState[]; to: RolloutState }>> = {
  start: { from: ['planned'], to: 'running' },
  pause: { from: ['running'], to: 'paused' },
  resume: { from: ['paused'], to: 'running' },
  abort: { from: ['planned', 'running', 'paused'], to: 'aborted' },
};

/** Whether the state is what the verb leads to, so that a repeat of the request has nothing to do. */
export function isThere(verb: RolloutVerb, state: RolloutState): boolean {
  return transitions[verb].to === state;
}

/** The refusal of a verb in this state. */
export function invalidTransition(verb: RolloutVerb, from: RolloutState): DomainError {
  const { to, from: allowed } = transitions[verb];
  return new DomainError(
    'conflict',
    'invalid-transition',
    `A rollout that is ${from} cannot be told to ${verb}; it must be ${allowed.join(' or ')}.`,
    { details: { from, to, allowed } },
  );
}

const underWay: readonly RolloutState[] = ['running', 'paused'];

/** Checks that projects of the rollout can be put back or left out: it has begun and not ended. */
export function assertUnderWay(verb: 'retry' | 'skip', from: RolloutState): void {
  if (underWay.includes(from)) return;
  throw new DomainError(
    'conflict',
    'invalid-transition',
    `Projects of a rollout that is ${from} cannot be told to ${verb}; it must be ${underWay.join(' or ')}.`,
    { details: { from, to: from, allowed: underWay } },
  );
}
