import { type OperationQueue, type OperationQueueOptions, openOperationQueue } from '#operations';
import { connectOnce, sql } from '#postgres';
import { aDatabase, describeWithRedis, startRedis } from '#testing';

/** What every OperationQueue promises, over both stores. */
type Store = Pick<OperationQueueOptions, 'databaseUrl' | 'redisUrl'>;
type StartStore = () => Promise<{ store: Store; stop: () => Promise<void> }>;

const startPostgres: StartStore = async () => {
  const database = await aDatabase();
  return { store: { databaseUrl: database.url }, stop: () => database.drop() };
};

const startRedisStore: StartStore = async () => {
  const redis = await startRedis();
  if (!redis) throw new Error('describeWithRedis runs these tests only where there is a redis-server');
  return { store: { databaseUrl: 'postgres://unused', redisUrl: redis.url }, stop: () => redis.stop() };
};

describe('operation queue on PostgreSQL', () => keepsItsPromises(startPostgres));
describeWithRedis('operation queue on Redis', () => keepsItsPromises(startRedisStore));

function keepsItsPromises(start: StartStore): void {
  let running: Awaited<ReturnType<StartStore>>;
  const open: OperationQueue[] = [];
  const errors: Error[] = [];

  const openQueue = async (): Promise<OperationQueue> => {
    const queue = await openOperationQueue({ ...running.store, onError: (error) => errors.push(error) });
    open.push(queue);
    return queue;
  };

  beforeAll(async () => {
    running = await start();
  });

  afterEach(async () => {
    await Promise.all(open.splice(0).map((queue) => queue.close()));
  });

  afterAll(async () => {
    await running.stop();
  });

  test('wakes a handler in another process with the id of the operation', async () => {
    const [producer, consumer] = [await openQueue(), await openQueue()];
    const woken = new Woken();
    await consumer.onWake(async (id) => woken.add(id));

    await producer.wake('op_one');

    expect(await woken.until(1)).toEqual(['op_one']);
  });

  test('keeps a wake-up that is sent while no process listens', async () => {
    const producer = await openQueue();
    await producer.wake('op_early');
    await producer.close();

    const woken = new Woken();
    await (await openQueue()).onWake(async (id) => woken.add(id));

    expect(await woken.until(1)).toEqual(['op_early']);
  });

  test('does not lose a wake-up that comes while a handler for the same operation runs', async () => {
    const queue = await openQueue();
    const woken = new Woken();
    const gate = new Gate();
    await queue.onWake(async (id) => {
      woken.add(id);
      await gate.opened;
    });

    await queue.wake('op_same');
    await woken.until(1);
    await queue.wake('op_same');
    expect(await woken.until(2)).toEqual(['op_same', 'op_same']);
    gate.open();
  });

  test('gives each wake-up to one process only', async () => {
    const consumers = [await openQueue(), await openQueue()];
    const woken = new Woken();
    for (const consumer of consumers) await consumer.onWake(async (id) => woken.add(id));
    const producer = await openQueue();
    const ids = Array.from({ length: 40 }, (_, index) => `op_${index}`);

    await Promise.all(ids.map((id) => producer.wake(id)));
    await woken.until(ids.length);
    await producer.wake('op_last');
    await woken.until(ids.length + 1);

    expect(woken.ids.toSorted()).toEqual([...ids, 'op_last'].toSorted());
  });

  test('reports a handler that fails, and goes on with the next wake-up', async () => {
    const queue = await openQueue();
    const woken = new Woken();
    await queue.onWake(async (id) => {
      woken.add(id);
      if (id === 'op_bad') throw new Error('the handler of op_bad failed');
    });

    await queue.wake('op_bad');
    await woken.until(1);
    await queue.wake('op_good');

    expect(await woken.until(2)).toEqual(['op_bad', 'op_good']);
    expect(errors.map((error) => error.message)).toContain('the handler of op_bad failed');
  });

  test('waits on close for the handlers that run', async () => {
    const queue = await openQueue();
    const woken = new Woken();
    const gate = new Gate();
    let finished = false;
    await queue.onWake(async (id) => {
      woken.add(id);
      await gate.opened;
      finished = true;
    });
    await queue.wake('op_slow');
    await woken.until(1);

    const closed = queue.close();
    gate.open();
    await closed;

    expect(finished).toBe(true);
  });

  test('can be opened by several processes at once on a store that was never used', async () => {
    const fresh = await start();
    const queues = await Promise.all([1, 2, 3].map(() => openOperationQueue(fresh.store)));
    try {
      const woken = new Woken();
      await queues[0]?.onWake(async (id) => woken.add(id));
      for (const queue of queues) await queue.wake('op_first');
      expect(await woken.until(3)).toHaveLength(3);
    } finally {
      await Promise.all(queues.map((queue) => queue.close()));
      await fresh.stop();
    }
  });
}

describe('operation queue on PostgreSQL', () => {
  test('leaves nothing behind for a finished wake-up, and holds at most five connections', async () => {
    const database = await aDatabase();
    const databaseUrl = database.url;
    const admin = await connectOnce(databaseUrl);
    const queue = await openOperationQueue({ databaseUrl });
    try {
      const woken = new Woken();
      await queue.onWake(async (id) => woken.add(id));
      await Promise.all(Array.from({ length: 50 }, (_, index) => queue.wake(`op_${index}`)));
      await woken.until(50);
      const [open] = await admin.query<{ count: number }>(
        sql`SELECT count(*)::int AS count FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`,
      );
      expect(open?.count).toBeLessThanOrEqual(5);
      await queue.close();
      const [left] = await admin.query<{ count: number }>(sql`SELECT count(*)::int AS count FROM bullmq.job`);
      expect(left?.count).toBe(0);
    } finally {
      await queue.close();
      await admin.close();
      await database.drop();
    }
  });

  test('goes on after all its connections were cut', async () => {
    const database = await aDatabase();
    const admin = await connectOnce(database.url);
    const errors: Error[] = [];
    const queue = await openOperationQueue({ databaseUrl: database.url, onError: (error) => errors.push(error) });
    try {
      const woken = new Woken();
      await queue.onWake(async (id) => woken.add(id));
      await queue.wake('op_before');
      await woken.until(1);
      await admin.query(sql`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'`);
      // A producer that has not noticed yet rejects; its caller may try again.
      await queue.wake('op_after').catch(() => queue.wake('op_after'));
      expect(await woken.until(2)).toEqual(['op_before', 'op_after']);
      expect(errors).not.toEqual([]);
    } finally {
      await queue.close();
      await admin.close();
      await database.drop();
    }
  });

  test('rejects when the database cannot be reached', async () => {
    const opening = openOperationQueue({
      databaseUrl: 'postgres://nobody:nothing@127.0.0.1:1/none',
      onError: () => undefined,
    });
    await expect(opening).rejects.toThrow(/ECONNREFUSED/);
  });
});

/** The ids that handlers were called with, and a way to wait for a number of them. */
class Woken {
  readonly ids: string[] = [];
  private waiting: { count: number; resolve: (ids: string[]) => void }[] = [];

  add(id: string): void {
    this.ids.push(id);
    for (const { resolve } of this.waiting.filter(({ count }) => count <= this.ids.length)) resolve(this.ids);
    this.waiting = this.waiting.filter(({ count }) => count > this.ids.length);
  }

  until(count: number): Promise<string[]> {
    if (this.ids.length >= count) return Promise.resolve(this.ids);
    return new Promise((resolve) => this.waiting.push({ count, resolve }));
  }
}

class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => {
    this.open = resolve;
  });
}
