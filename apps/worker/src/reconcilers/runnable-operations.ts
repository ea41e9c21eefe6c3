import type { OperationRepository } from '#control-database';
import type { Logger } from '#platform';
import { type Reconciler, reportFailure } from './reconciler.js';

/** A lost wake-up, a retry that is due or a dead worker's lease costs at most this long. */
const everyMs = 1_000;

/** As many as a process takes from the queue at once; what is beyond is found when one of them has ended. */
const maxAtOnce = 8;

const name = 'runnable-operations';

/**
 * Starts the operations that somebody should be running and nobody is. It does not wait for their end, so that one that
 * hangs holds up no other. Whoever closes the worker waits for those that run (see OperationRunner).
 */
export function runnableOperations(
  operations: Pick<OperationRepository, 'listRunnable'>,
  runOperation: (operationId: string) => Promise<void>,
  logger: Logger,
): Reconciler {
  /** One that hangs may lose its lease and be listed again; another worker may take it over, this one does not. */
  const running = new Set<string>();
  const runInBackground = (id: string): void => {
    running.add(id);
    runOperation(id)
      .catch((error: unknown) => reportFailure(name, error, logger))
      .finally(() => running.delete(id));
  };
  return {
    name,
    everyMs,
    run: async () => {
      if (running.size >= maxAtOnce) return;
      // Those that run here may be among them, so that there are enough others for the places that are free.
      const ids = await operations.listRunnable(maxAtOnce);
      const others = ids.filter((id) => !running.has(id));
      for (const id of others.slice(0, maxAtOnce - running.size)) runInBackground(id);
    },
  };
}
