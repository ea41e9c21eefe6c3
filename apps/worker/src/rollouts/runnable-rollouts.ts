import type { RolloutWorkRepository } from '#control-database';
import type { Logger } from '#platform';
import { listen, type Listener } from '#postgres';
import type { Reconciler } from '../reconcilers/reconciler.js';
import type { RolloutRunner } from './rollout-runner.js';

/** A lost notification or a dead worker's lease costs at most this long. */
const everyMs = 1_000;

/** The control database notifies it, with a rollout's id, when an operator or a worker has changed a rollout. */
const channel = 'boxyard_rollout';

/** Runs the rollouts that somebody should be running and nobody is. It does not wait for their end. */
export function runnableRollouts(rollouts: RolloutWorkRepository, runner: RolloutRunner, logger: Logger): Reconciler {
  return {
    name: 'runnable-rollouts',
    everyMs,
    run: async () => {
      for (const id of await rollouts.listRunnable(runner.newest)) runInBackground(runner, id, logger);
    },
  };
}

/** Runs rollouts, or lets those that run look again, as soon as a change of them has committed. Only a hint. */
export function runNotifiedRollouts(databaseUrl: string, runner: RolloutRunner, logger: Logger): Promise<Listener> {
  return listen(
    databaseUrl,
    [channel],
    (_, id) => runInBackground(runner, id, logger),
    (error) => logger.warn({ err: error }, 'notified rollouts'),
  );
}

/** One that fails is found again by the reconciler when its lease is over. */
function runInBackground(runner: RolloutRunner, id: string, logger: Logger): void {
  runner.run(id).catch((error: unknown) => logger.error({ err: error, rollout: id }, 'rollout interrupted'));
}
