/** How the control database is opened, and by which process its first operator is made. */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { openControlDatabase, OperatorRepository, Transactions } from '#control-database';
import { controlMigrations } from '#migrations/control';
import { uuidv7 } from '#platform';
import { aDatabase } from '#testing';
import { TestControlDatabase } from './control-database.fixture.js';

let control: TestControlDatabase;
beforeAll(async () => {
  control = await TestControlDatabase.open();
});
afterAll(() => control.close());

/** Leads to the server of this URL. After `silence` nothing passes on the connections made so far, and none is closed. */
async function aWayThatGoesSilent(target: string) {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const there = connect(Number(port), hostname);
    client.pipe(there).pipe(client);
    for (const socket of [client, there]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(target);
  url.port = String((server.address() as AddressInfo).port);
  return {
    url: url.href,
    silence: () => sockets.forEach((socket) => socket.unpipe().pause()),
    close: async () => {
      sockets.forEach((socket) => socket.destroy());
      server.close();
      await once(server, 'close');
    },
  };
}

describe('opening the control database', () => {
  test('several processes may migrate an empty database at once, others wait until it is current', async () => {
    const empty = await aDatabase();
    const waiting = openControlDatabase({ databaseUrl: empty.url }, { migrate: false });
    const opened = await Promise.all([
      ...[1, 2, 3].map(() => openControlDatabase({ databaseUrl: empty.url }, { migrate: true })),
      waiting,
    ]);
    const [rows] = await opened[3]!.query<{ applied: string }[]>('SELECT count(*) AS applied FROM control_migration');
    expect(rows).toEqual({ applied: String(controlMigrations.length) });
    await Promise.all(opened.map((each) => each.destroy()));
    await empty.drop();
  });

  test('a database that a newer release has migrated is refused', async () => {
    const newer = await aDatabase();
    const first = await openControlDatabase({ databaseUrl: newer.url }, { migrate: true });
    await first.query(`INSERT INTO control_migration (timestamp, name) VALUES (9999999999999, 'FromTheFuture')`);
    await first.destroy();
    for (const migrate of [true, false]) {
      await expect(openControlDatabase({ databaseUrl: newer.url }, { migrate })).rejects.toThrow(
        /newer release \(FromTheFuture\)/,
      );
    }
    await newer.drop();
  });

  test('a server that is silent fails the statement, and its connection is not used again', async () => {
    const way = await aWayThatGoesSilent(control.url);
    const options = { migrate: false, maxConnections: 1, answerWithinMs: 2_000 };
    const source = await openControlDatabase({ databaseUrl: way.url }, options);
    const query = () => source.query<object[]>('SELECT 1 AS one');
    const transaction = () => new Transactions(source).run(async () => [{ one: 1 }]);
    for (const ask of [query, transaction]) {
      await expect(ask()).resolves.toEqual([{ one: 1 }]);
      way.silence();
      await expect(ask()).rejects.toThrow('has not answered for 2000 ms');
      await expect(ask()).resolves.toEqual([{ one: 1 }]);
    }
    await source.destroy();
    await way.close();
  });

  test('every entity has the columns of its table', async () => {
    for (const entity of control.dataSource.entityMetadatas) {
      const columns = await control.dataSource.query<{ name: string; nullable: string }[]>(
        `SELECT column_name AS name, is_nullable AS nullable FROM information_schema.columns WHERE table_name = $1`,
        [entity.tableName],
      );
      const inTable = columns
        .filter(({ name }) => name !== 'changed_xid')
        .map(({ name, nullable }) => `${name} ${nullable}`);
      const inEntity = entity.columns.map((column) => `${column.databaseName} ${column.isNullable ? 'YES' : 'NO'}`);
      expect({ table: entity.tableName, columns: inEntity.sort() }).toEqual({
        table: entity.tableName,
        columns: inTable.sort(),
      });
    }
  });

  test('an error of a statement carries neither its values nor the failing row', async () => {
    const operators = new OperatorRepository(control.dataSource);
    const operator = {
      email: 'twice@example.org',
      passwordHash: 'hash-that-must-not-be-logged',
      role: 'auditor' as const,
    };
    await operators.insert({ ...operator, id: uuidv7() });
    const error: unknown = await operators.insert({ ...operator, id: uuidv7() }).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ code: '23505', constraint: 'operator_email_key' });
    expect(JSON.stringify({ ...(error as Error), message: (error as Error).message })).not.toMatch(/must-not|twice@/);
  });
});

describe('first operator', () => {
  test('of several processes that start at once one makes it', async () => {
    const empty = await aDatabase();
    const opened = await Promise.all(
      [1, 2, 3].map(() => openControlDatabase({ databaseUrl: empty.url }, { migrate: true })),
    );
    let made = 0;
    const outcomes = await Promise.all(
      opened.map((each) =>
        new OperatorRepository(each).ensureFirst(async () => {
          made += 1;
          return { id: uuidv7(), email: 'admin@example.com', passwordHash: 'x', role: 'platform-admin' };
        }),
      ),
    );
    expect(outcomes.filter(Boolean)).toHaveLength(1);
    expect(made).toBe(1);
    await Promise.all(opened.map((each) => each.destroy()));
    await empty.drop();
  });
});
