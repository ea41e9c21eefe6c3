import type { OperationRepository } from '#control-database';
import type { Reconciler } from './reconciler.js';

/** A lost wake-up, a retry that is due or a dead worker's lease costs at most this long. */
const everyMs = 1_000;

/** As many as a process takes from the queue at once; what is beyond is found by the next run. */
const batchSize = 8;

/** Runs the operations that somebody should be running and nobody is. */
export function runnableOperations(
  operations: OperationRepository,
  runOperation: (operationId: string) => Promise<void>,
): Reconciler {
  return {
    name: 'runnable-operations',
    everyMs,
    run: async () => {
      const ids = await operations.listRunnable(batchSize);
      const results = await Promise.allSettled(ids.map((id) => runOperation(id)));
      const failures = results.flatMap((result) => (result.status === 'rejected' ? [result.reason as unknown] : []));
      if (failures.length > 0) throw new AggregateError(failures, `${failures.length} operations could not be run.`);
    },
  };
}
