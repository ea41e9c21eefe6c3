import {
  connectOnce,
  ConnectionBroker,
  identifier,
  named,
  sql,
  type DatabaseTarget,
  type OwnedConnection,
} from '#postgres';
import { testPostgresUrl } from '#testing';
import { randomBytes } from 'node:crypto';

const cap = 4;
const tenants: DatabaseTarget[] = [];
let admin: OwnedConnection;
let broker: ConnectionBroker | undefined;

beforeAll(async () => {
  admin = await connectOnce(testPostgresUrl());
  const url = new URL(testPostgresUrl());
  for (let number = 0; number < 10; number++) {
    const database = `broker_${randomBytes(6).toString('hex')}`;
    await admin.query(sql`CREATE DATABASE ${identifier(database)} TEMPLATE template0`);
    tenants.push({
      key: `project-${number}:1`,
      clusterId: 'cl_test',
      host: url.hostname,
      port: Number(url.port),
      database,
      user: url.username,
      password: url.password,
    });
  }
});

afterEach(async () => {
  await broker?.close();
});

afterAll(async () => {
  for (const { database } of tenants) await admin.query(sql`DROP DATABASE ${identifier(database)} WITH (FORCE)`);
  await admin.close();
});

const whereAmI = named('broker.where', sql`SELECT current_database() AS database`);

async function countServerConnections(): Promise<number> {
  const names = tenants.map(({ database }) => database);
  const [row] = await admin.query<{ count: string }>(
    // Without PostgreSQL's own autovacuum, which looks into every database now and then.
    sql`SELECT count(*) FROM pg_stat_activity WHERE datname = ANY(${names}) AND backend_type = 'client backend'`,
  );
  return Number(row?.count);
}

test('every caller reaches its own database, and the server never has more connections than the cap', async () => {
  broker = new ConnectionBroker({ maxConnections: cap, queueDeadlineMs: 20_000 });
  const lent = broker;
  let running = true;
  let most = 0;
  const sampling = (async () => {
    while (running) most = Math.max(most, await countServerConnections());
  })();
  let wrong = 0;
  await Promise.all(
    Array.from({ length: 400 }, async (_, call) => {
      const target = tenants[(call * 7) % tenants.length] as DatabaseTarget;
      const [row] = await lent.use(target, (connection) => connection.query<{ database: string }>(whereAmI));
      if (row?.database !== target.database) wrong++;
    }),
  );
  running = false;
  await sampling;
  expect(wrong).toBe(0);
  expect(most).toBeGreaterThan(0);
  expect(most).toBeLessThanOrEqual(cap);
  // A connection may still come for whom another one was given back in the meantime.
  while (lent.stats().dialling > 0) await new Promise((resolve) => setImmediate(resolve));
  expect(lent.stats()).toMatchObject({ waiting: 0, dialling: 0 });
});

test('a connection that the server has ended is replaced', async () => {
  broker = new ConnectionBroker({ maxConnections: cap });
  const target = tenants[0] as DatabaseTarget;
  const pid = sql`SELECT pg_backend_pid() AS pid`;
  const [first] = await broker.use(target, (connection) => connection.query<{ pid: number }>(pid));
  await admin.query(sql`SELECT pg_terminate_backend(${first?.pid}, 5000)`);
  while (broker.stats().open > 0) await new Promise((resolve) => setImmediate(resolve));
  const [second] = await broker.use(target, (connection) => connection.query<{ pid: number }>(pid));
  expect(second?.pid).not.toBe(first?.pid);
});

test('work whose connection is cut fails, and the next work gets another one', async () => {
  broker = new ConnectionBroker({ maxConnections: cap });
  const target = tenants[1] as DatabaseTarget;
  const cut = broker.use(target, (connection) =>
    connection.query(sql`SELECT pg_terminate_backend(pg_backend_pid()), pg_sleep(5)`),
  );
  await expect(cut).rejects.toThrow();
  expect(await broker.use(target, (connection) => connection.query(whereAmI))).toEqual([{ database: target.database }]);
});

test('work that leaves a transaction open or a statement running hands nothing on to the next', async () => {
  broker = new ConnectionBroker({ maxConnections: cap, perTenant: 1 });
  const target = tenants[2] as DatabaseTarget;
  await broker.use(target, (connection) => connection.query(sql`BEGIN`));
  const mode = sql`SELECT now() = statement_timestamp() AS outside`;
  expect(await broker.use(target, (connection) => connection.query(mode))).toEqual([{ outside: true }]);

  const early = broker.use(target, async (connection) => {
    void connection.query(sql`SELECT pg_sleep(0.05)`);
    throw new Error('gave up early');
  });
  await expect(early).rejects.toThrow('gave up early');
  expect(await broker.use(target, (connection) => connection.query(whereAmI))).toEqual([{ database: target.database }]);
});

test('a database that does not exist is unavailable, with PostgreSQL’s reason as the cause', async () => {
  broker = new ConnectionBroker({ maxConnections: cap });
  const missing = { ...(tenants[0] as DatabaseTarget), key: 'missing:1', database: 'missing_database' };
  await expect(broker.use(missing, (connection) => connection.query(whereAmI))).rejects.toMatchObject({
    code: 'database-unreachable',
    cause: { code: '3D000' },
  });
});

test('closing a tenant frees its places at the server', async () => {
  broker = new ConnectionBroker({ maxConnections: cap });
  const lent = broker;
  for (const target of tenants.slice(0, 3)) await lent.use(target, (connection) => connection.query(whereAmI));
  await lent.closeTenant('project-1:');
  expect(lent.stats()).toEqual({ open: 2, idle: 2, waiting: 0, dialling: 0 });
  await lent.close();
  expect(await countServerConnections()).toBe(0);
});

test('many single statements on shared connections each get their own answer, a failing one hurts no other', async () => {
  const lent = (broker = new ConnectionBroker({ maxConnections: cap, queueDeadlineMs: 20_000 }));
  const [first, second] = tenants as [DatabaseTarget, DatabaseTarget];
  const answers = await Promise.all(
    Array.from({ length: 200 }, async (_, number) => {
      const tenant = number % 2 === 0 ? first : second;
      if (number % 10 === 9) {
        const failed = lent.share(tenant, (connection) => connection.query(sql`SELECT 1 / 0`));
        return failed.then(
          () => 'answered',
          () => 'failed',
        );
      }
      const [row] = await lent.share(tenant, (connection) =>
        connection.query<{ database: string; number: number }>(
          // Prepared, so that callers who share a new connection meet a statement that is still being parsed.
          named('broker.shared', sql`SELECT current_database() AS database, ${number}::int4 AS number`),
        ),
      );
      return `${row?.database} ${row?.number}`;
    }),
  );
  expect(answers).toEqual(
    Array.from({ length: 200 }, (_, number) =>
      number % 10 === 9 ? 'failed' : `${(number % 2 === 0 ? first : second).database} ${number}`,
    ),
  );
});
