import type { RolloutState } from '../api/answers.js';

/** What the status of the process says to a script. */
export const exitCodes = {
  ok: 0,
  /** The control plane refused, or could not be reached. */
  failed: 1,
  /** The command line is wrong. */
  usage: 2,
  /** The rollout waits for somebody. */
  paused: 3,
  aborted: 4,
  /** As shells say of a program that Ctrl-C has ended. */
  interrupted: 130,
} as const;

/** The status with which watching a rollout ends. */
export function exitCodeOf(state: RolloutState): number {
  if (state === 'paused') return exitCodes.paused;
  return state === 'aborted' ? exitCodes.aborted : exitCodes.ok;
}
