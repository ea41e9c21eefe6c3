import { Queue, Worker } from 'bullmq';
import { Redis, type RedisOptions } from 'ioredis';
import { handlersPerProcess, type QueueBackend, type Wake } from './queue-backend.js';

/** Keys of other programs on the same Redis are left alone. */
const prefix = 'boxyard:bullmq';

/** BullMQ on Redis: one connection to wake, two to be woken (BullMQ duplicates the consumer's for its blocking read). */
export function redisBackend(redisUrl: string, onError: (error: Error) => void): QueueBackend {
  const clients: Redis[] = [];
  const connect = async (options: RedisOptions): Promise<Redis> => {
    const client = new Redis(redisUrl, { ...options, lazyConnect: true, connectTimeout: 10_000 });
    client.on('error', onError);
    clients.push(client);
    await client.connect();
    return client;
  };
  return {
    async openQueue(name) {
      // A caller that wakes is in the middle of a request: it hears of a broken connection instead of waiting for it.
      const connection = await connect({ maxRetriesPerRequest: 1, enableOfflineQueue: false });
      const queue = new Queue<Wake>(name, { connection, prefix });
      queue.on('error', onError);
      await queue.waitUntilReady();
      return queue;
    },
    async openWorker(name, processor) {
      // A consumer waits for Redis as long as it is away; BullMQ asks for this value.
      const connection = await connect({ maxRetriesPerRequest: null });
      const worker = new Worker<Wake>(name, processor, { connection, prefix, concurrency: handlersPerProcess });
      worker.on('error', onError);
      await worker.waitUntilReady();
      return worker;
    },
    async close() {
      for (const client of clients.splice(0)) client.disconnect();
    },
  };
}
