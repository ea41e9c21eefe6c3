import { createPostgresBackend, withBackend } from 'bullmq';
import { handlersPerProcess, type QueueBackend, type Wake } from './queue-backend.js';

const { Queue, Worker } = withBackend(createPostgresBackend);

/** BullMQ's tables and functions live in a schema of their own in the control database. */
const schema = 'bullmq';

/**
 * BullMQ on PostgreSQL. Given a configuration instead of a pool, BullMQ builds a pool whose search_path is the schema
 * and one more connection for LISTEN, so that the pools can be small: at most five connections in a process that both
 * wakes and is woken.
 */
export function postgresBackend(databaseUrl: string, onError: (error: Error) => void): QueueBackend {
  const connection = {
    connectionString: databaseUrl,
    schema,
    max: 2,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 60_000,
    application_name: 'boxyard queue',
  };
  return {
    async openQueue(name) {
      // The producer is the first in every process and makes the schema; BullMQ does that under an advisory lock.
      const queue = new Queue<Wake>(name, { connection: { ...connection, migrate: true } });
      queue.on('error', onError);
      try {
        await queue.waitUntilReady();
      } catch (error) {
        await queue.close();
        throw error;
      }
      return queue;
    },
    async openWorker(name, processor) {
      const worker = new Worker<Wake>(name, processor, { connection, concurrency: handlersPerProcess });
      worker.on('error', onError);
      await worker.waitUntilReady();
      return worker;
    },
    close: async () => undefined,
  };
}
