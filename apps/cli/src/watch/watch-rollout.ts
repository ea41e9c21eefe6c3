import { setTimeout as pause } from 'node:timers/promises';
import type { Rollout } from '../api/answers.js';
import type { ControlPlaneClient } from '../api/control-plane-client.js';
import { InterruptedError, ProblemError, UnreachableError } from '../api/problem-error.js';
import type { ProgressView } from './progress-view.js';
import { resting } from './rollout-progress.js';

const reconnectMs = 1_000;
/** A control plane that is replaced is back sooner. */
const patienceMs = 120_000;

/**
 * Shows a rollout until it is paused, aborted or through, and gives its last state. A stream that breaks is opened again,
 * until that has failed for two minutes. Throws what the first connection throws, and an InterruptedError when `interrupted` aborts.
 */
export async function watchRollout(
  client: ControlPlaneClient,
  id: string,
  view: ProgressView,
  interrupted: AbortSignal,
): Promise<Rollout> {
  const route = `/rollouts/${encodeURIComponent(id)}/events`;
  let hasHeard = false;
  let lostAt: number | undefined;
  for (;;) {
    try {
      for await (const rollout of client.events<Rollout>(route, 'rollout')) {
        if (lostAt !== undefined) view.note('connected again');
        lostAt = undefined;
        hasHeard = true;
        view.show(rollout);
        if (resting.includes(rollout.state)) return rollout;
      }
    } catch (error) {
      if (error instanceof InterruptedError) throw watchingEnded();
      if (!hasHeard || !mayPass(error)) throw error;
      if (lostAt === undefined) view.note(`${(error as Error).message} Trying again; the rollout goes on meanwhile.`);
      lostAt ??= performance.now();
      if (performance.now() - lostAt > patienceMs) throw error;
    }
    await pause(reconnectMs, undefined, { signal: interrupted }).catch(() => undefined);
    if (interrupted.aborted) throw watchingEnded();
  }
}

function mayPass(error: unknown): boolean {
  return error instanceof UnreachableError || (error instanceof ProblemError && error.problem.status >= 500);
}

function watchingEnded(): InterruptedError {
  return new InterruptedError('Nobody watches any more; the rollout goes on.');
}
