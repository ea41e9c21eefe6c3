import { postgresBackend } from './postgres-backend.js';
import type { QueueBackend, WakeQueue, WakeWorker } from './queue-backend.js';
import { redisBackend } from './redis-backend.js';

/**
 * Wakes workers when an operation can run. A wake-up is a hint and nothing more: the truth is the operation's row, so a
 * lost wake-up is found by the worker's reconciler and a doubled one finds nothing to claim.
 */
export interface OperationQueue {
  /**
   * Resolves when the hint is stored, rejects when the store is away (the caller may ignore that: see above). Exactly
   * one handler call in one of the processes follows, also when a handler for the same operation runs at the moment.
   */
  wake(operationId: string): Promise<void>;
  /** Starts to take wake-ups in this process. A handler that rejects is reported; its hint is not repeated. */
  onWake(handler: (operationId: string) => Promise<void>): Promise<void>;
  /** Waits for the handlers that run in this process, then closes every connection. May be called twice. */
  close(): Promise<void>;
}

export interface OperationQueueOptions {
  databaseUrl: string;
  /** With it the hints go through Redis, otherwise through schema `bullmq` of the control database. */
  redisUrl?: string;
  /** Hears of broken connections and failed handlers. By default they become process warnings. */
  onError?: (error: Error) => void;
}

const queueName = 'operations';

/**
 * A free worker hears of a new operation by the database's notification and has begun long before. The hint is for the
 * others; given at once it would only take processor time from the operation that it announces.
 */
const hintDelayMs = 250;

/**
 * Opens the queue and, on PostgreSQL, makes BullMQ's schema if it is not there (several processes may do so at once).
 * Rejects when the store cannot be reached.
 */
export async function openOperationQueue(options: OperationQueueOptions): Promise<OperationQueue> {
  const onError = options.onError ?? ((error: Error) => process.emitWarning(error));
  const backend = options.redisUrl
    ? redisBackend(options.redisUrl, onError)
    : postgresBackend(options.databaseUrl, onError);
  try {
    return new BullOperationQueue(await backend.openQueue(queueName), backend, onError);
  } catch (error) {
    await backend.close();
    throw error;
  }
}

class BullOperationQueue implements OperationQueue {
  private readonly workers: WakeWorker[] = [];
  private closing: Promise<void> | undefined;

  constructor(
    private readonly queue: WakeQueue,
    private readonly backend: QueueBackend,
    private readonly onError: (error: Error) => void,
  ) {}

  // Every hint is a job of its own. If the operation's id were the job's id, BullMQ would drop a hint that comes while
  // the job of an earlier one still runs, and the new hint may be about what the running handler has already passed.
  async wake(operationId: string): Promise<void> {
    await this.queue.add('wake', { operationId }, { delay: hintDelayMs, removeOnComplete: true, removeOnFail: true });
  }

  async onWake(handler: (operationId: string) => Promise<void>): Promise<void> {
    const worker = await this.backend.openWorker(queueName, async ({ data }) => {
      // A failed handler ends its job like any other: whether the operation is tried again is decided by its row.
      await handler(data.operationId).catch((error: unknown) => this.onError(asError(error)));
    });
    this.workers.push(worker);
  }

  close(): Promise<void> {
    return (this.closing ??= this.closeAll());
  }

  private async closeAll(): Promise<void> {
    await Promise.all(this.workers.map((worker) => worker.close()));
    await this.queue.close();
    await this.backend.close();
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
