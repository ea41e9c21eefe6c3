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
 * for two minutes. Throws what the first connection throws, and an InterruptedError when `interrupted` aborts.
 */
export async function watchRollout(
  client: ControlPlaneClient,
  id: string,
  view: ProgressView,
  interrupted: AbortSignal,
): Promise<Rollout> {
  const route = `/rollouts/${encodeURIComponent(id)}/events`;
  let heardAt: number | undefined;
  let isLost = false;
  for (;;) {
    try {
      for await (const rollout of client.events<Rollout>(route, 'rollout')) {
        if (isLost) view.note('connected again');
        isLost = false;
        heardAt = performance.now();
        view.show(rollout);
        if (resting.includes(rollout.state)) return rollout;
      }
    } catch (error) {
      if (error instanceof InterruptedError) throw watchingEnded();
      if (heardAt === undefined || !mayPass(error) || performance.now() - heardAt > patienceMs) throw error;
      if (!isLost) view.note(`${(error as Error).message} Trying again; the rollout goes on meanwhile.`);
      isLost = true;
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
