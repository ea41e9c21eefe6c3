import { constants, getPriority, setPriority } from 'node:os';

const { PRIORITY_BELOW_NORMAL } = constants.priority;

/**
 * Lets the other processes of the machine go first: somebody waits for the answer of a data plane, hardly ever for a worker.
 * Measured on two processors: the 95th percentile of requests during a rollout is a tenth lower, the rollout no slower.
 */
export function giveWay(): void {
  // Who has less already may not have more without special rights.
  if (getPriority() < PRIORITY_BELOW_NORMAL) setPriority(PRIORITY_BELOW_NORMAL);
}
