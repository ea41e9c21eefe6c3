/** A job's content. Ids only: the row holds everything else. */
export interface Wake {
  operationId: string;
}

/** The part of BullMQ's Queue that is used. */
export interface WakeQueue {
  add(
    name: string,
    wake: Wake,
    options: { delay: number; removeOnComplete: boolean; removeOnFail: boolean },
  ): Promise<unknown>;
  close(): Promise<void>;
}

/** The part of BullMQ's Worker that is used. `close` waits for the handlers that run. */
export interface WakeWorker {
  close(): Promise<void>;
}

/** What the two adapters differ in: how BullMQ's producer and consumer reach their store. */
export interface QueueBackend {
  /** The producer, ready to take jobs. Rejects when the store cannot be reached. */
  openQueue(name: string): Promise<WakeQueue>;
  /** A consumer, ready to get jobs; it takes at most `handlersPerProcess` of them at once. */
  openWorker(name: string, processor: (job: { data: Wake }) => Promise<void>): Promise<WakeWorker>;
  /** Closes what the backend itself opened, after its producer and consumers are closed. May be called twice. */
  close(): Promise<void>;
}

/**
 * How many wake-ups one process handles at once. Operations wait for PostgreSQL nearly all of their time, and the slow
 * part, creating databases, has its own limit per cluster.
 */
export const handlersPerProcess = 8;
