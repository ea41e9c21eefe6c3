/** Connections: values, statements, transactions and notifications. */
import {
  connectOnce,
  dropRole,
  ensureLoginRole,
  identifier,
  isUniqueViolation,
  listen,
  named,
  compiledSql,
  sql,
  sqlState,
  type OwnedConnection,
} from '#postgres';
import { aDatabase, type TestDatabase } from '#testing';
import { randomBytes } from 'node:crypto';
import type { EventEmitter } from 'node:events';
import { Session } from '../../libs/postgres/src/session.js';

let database: TestDatabase;
let connection: OwnedConnection;

beforeAll(async () => {
  database = await aDatabase();
  connection = await connectOnce(database.url);
  await connection.query(sql`CREATE TABLE note (id int PRIMARY KEY, text text NOT NULL)`);
});

afterAll(async () => {
  await connection?.close();
  await database?.drop();
});

const unique = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

describe('values', () => {
  test('what JavaScript cannot hold exactly comes as text, the rest as what it is', async () => {
    const [row] = await connection.query(sql`
      SELECT timestamptz '2024-02-29 12:34:56.789012+02' AS at, timestamp '2024-02-29 01:02:03' AS local,
        date '2024-02-29' AS day, 9007199254740993::int8 AS big, pg_current_xact_id()::text::xid8 IS NOT NULL AS known,
        1.00::numeric AS amount, ARRAY['2b3c4d5e-0000-4000-8000-000000000001']::uuid[] AS ids, 7 AS small,
        1.5::float8 AS ratio, '\\x00ff'::bytea AS bytes, '{"a":[1]}'::jsonb AS json, ARRAY['x','y'] AS texts,
        ARRAY[1,2] AS numbers, NULL::int8 AS nothing`);
    expect(row).toEqual({
      at: '2024-02-29 10:34:56.789012+00',
      local: '2024-02-29 01:02:03',
      day: '2024-02-29',
      big: '9007199254740993',
      known: true,
      amount: '1.00',
      ids: '{2b3c4d5e-0000-4000-8000-000000000001}',
      small: 7,
      ratio: 1.5,
      bytes: Buffer.of(0, 255),
      json: { a: [1] },
      texts: ['x', 'y'],
      numbers: [1, 2],
      nothing: null,
    });
  });

  test('xid8 comes as text', async () => {
    const [row] = await connection.query<{ xid: string }>(sql`SELECT pg_current_xact_id() AS xid`);
    expect(row?.xid).toMatch(/^\d+$/);
  });

  test('is limited from its beginning on when it is told so', async () => {
    const limited = await connectOnce(database.url, { lockTimeoutMs: 1_500, idleInTransactionMs: 80 });
    expect(await limited.query(sql`SHOW lock_timeout`)).toEqual([{ lock_timeout: '1500ms' }]);
    const silent = limited.transaction(() => new Promise<never>(() => undefined));
    silent.catch(() => undefined);
    while (limited.isOpen) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(await connection.query(sql`SHOW idle_in_transaction_session_timeout`)).toEqual([
      { idle_in_transaction_session_timeout: '0' },
    ]);
    await limited.close();
  });

  test('times do not depend on the settings of the role', async () => {
    const role = unique('role');
    const password = randomBytes(32).toString('base64url');
    await ensureLoginRole(connection, role, password);
    await connection.query(sql`ALTER ROLE ${identifier(role)} SET timezone = 'Asia/Tokyo'`);
    await connection.query(sql`ALTER ROLE ${identifier(role)} SET datestyle = 'German'`);
    const url = new URL(database.url);
    url.username = role;
    url.password = password;
    const other = await connectOnce(url.href);
    const rows = await other.query(sql`SELECT timestamptz '2024-02-29 12:00:00+00' AS at`);
    await other.close();
    await dropRole(connection, role);
    expect(rows).toEqual([{ at: '2024-02-29 12:00:00+00' }]);
  });

  test('parameters reach the server as they are', async () => {
    const text = `'"; \\ ${'ü'.repeat(3)} $1`;
    const rows = await connection.query(
      sql`SELECT ${text}::text AS text, ${null}::text AS nothing, ${['a', 'b,"']}::text[] AS list`,
    );
    expect(rows).toEqual([{ text, nothing: null, list: ['a', 'b,"'] }]);
  });
});

describe('statements', () => {
  test('an error carries the SQLSTATE, and the connection goes on', async () => {
    await connection.query(sql`INSERT INTO note VALUES (1, 'a')`);
    const error: unknown = await connection
      .query(sql`INSERT INTO note VALUES (1, 'b')`)
      .catch((caught: unknown) => caught);
    expect(isUniqueViolation(error, 'note_pkey')).toBe(true);
    expect(sqlState(await connection.query(sql`SELECT * FROM missing`).catch((caught: unknown) => caught))).toBe(
      '42P01',
    );
    expect(await connection.query(sql`SELECT text FROM note WHERE id = 1`)).toEqual([{ text: 'a' }]);
  });

  test('statements started together run in order, each with its own answer', async () => {
    const answers = await Promise.allSettled([
      connection.query(sql`SELECT 1 AS n`),
      connection.query(sql`SELECT 1 / 0 AS n`),
      connection.query(sql`SELECT 3 AS n`),
    ]);
    expect(answers.map((answer) => answer.status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(answers[2]).toMatchObject({ value: [{ n: 3 }] });
  });

  test('a named statement is prepared once', async () => {
    for (const id of [1, 2, 3]) await connection.query(named('test.note', sql`SELECT text FROM note WHERE id = ${id}`));
    const prepared = await connection.query<{ calls: string }>(
      sql`SELECT generic_plans + custom_plans AS calls FROM pg_prepared_statements WHERE name = 'test.note'`,
    );
    expect(prepared).toEqual([{ calls: '3' }]);
  });

  test('one name cannot mean two texts', async () => {
    await connection.query(named('test.one', sql`SELECT 1`));
    await expect(connection.query(named('test.one', sql`SELECT 2`))).rejects.toThrow(/must be unique/);
  });

  test('a connection keeps at most 64 prepared statements, those used last', async () => {
    const fresh = await connectOnce(database.url);
    const statement = (number: number) =>
      compiledSql({ name: `s${number}`, text: `SELECT ${number} AS n`, values: [] });
    for (let number = 0; number < 64; number++) await fresh.query(statement(number));
    await fresh.query(statement(0));
    for (let number = 64; number < 70; number++) await fresh.query(statement(number));
    const names = (await fresh.query<{ name: string }>(sql`SELECT name FROM pg_prepared_statements`)).map(
      (row) => row.name,
    );
    expect(names).toHaveLength(64);
    expect(names).toEqual(expect.arrayContaining(['s0', 's7', 's69']));
    expect(names).not.toEqual(expect.arrayContaining(['s1']));
    // One that had to go is simply prepared again.
    expect(await fresh.query(statement(1))).toEqual([{ n: 1 }]);
    await fresh.close();
  });

  test('a named statement is described once, and so is what takes its name later', async () => {
    const session = await Session.open(database.url);
    let descriptions = 0;
    connectionOf(session).on('rowDescription', () => descriptions++);
    const one = named('test.once', sql`SELECT 1 AS n`);
    for (let round = 0; round < 3; round++) expect(await session.rows(one)).toEqual([{ n: 1 }]);
    expect(descriptions).toBe(1);
    for (let number = 0; number < 64; number++) await session.rows(named(`x${number}`, sql`SELECT 1`));
    descriptions = 0;
    expect(await session.rows(named('test.once', sql`SELECT 'x' AS a, 2 AS b`))).toEqual([{ a: 'x', b: 2 }]);
    expect(descriptions).toBe(1);
    await session.close();
  });

  test('a named statement gives the same rows whether or not its columns are known already', async () => {
    const text = `SELECT n, n::int8 AS big, '\\x00ff'::bytea AS bytes, ARRAY['x'] AS texts, NULL AS nothing
      FROM generate_series(1, $1::int) AS n WHERE 6 / (n - $2::int) <> 0`;
    const rows = (count: number, fault = -1) =>
      connection.query(compiledSql({ name: 'test.rows', text, values: [count, fault] }));
    const row = (n: number) => ({ n, big: String(n), bytes: Buffer.of(0, 255), texts: ['x'], nothing: null });
    expect(await rows(0)).toEqual([]);
    expect(await rows(2)).toEqual([row(1), row(2)]);
    const [one, wrong, three, other] = await Promise.allSettled([
      rows(1),
      rows(3, 2),
      rows(3),
      connection.query(sql`SELECT 'x' AS other`),
    ]);
    expect(one).toMatchObject({ value: [row(1)] });
    expect(wrong).toMatchObject({ status: 'rejected', reason: { code: '22012' } });
    expect(three).toMatchObject({ value: [row(1), row(2), row(3)] });
    expect(other).toMatchObject({ value: [{ other: 'x' }] });
    const insert = (id: number) =>
      connection.query(named('test.insert', sql`INSERT INTO note VALUES (${id}, 'named')`));
    expect([await insert(50), await insert(51)]).toEqual([[], []]);
    expect(await connection.query(sql`SELECT count(*)::int AS n FROM note WHERE text = 'named'`)).toEqual([{ n: 2 }]);
  });

  test('a named statement whose columns have changed is an error and the end of its connection, never a wrong row', async () => {
    await connection.query(sql`CREATE TABLE shape AS SELECT 1 AS a, 'x' AS b`);
    const [one, other] = await Promise.all([connectOnce(database.url), connectOnce(database.url)]);
    const all = named('test.shape', sql`SELECT * FROM shape`);
    for (const each of [one, other, one]) expect(await each.query(all)).toEqual([{ a: 1, b: 'x' }]);
    await connection.query(sql`ALTER TABLE shape DROP a, ADD c int DEFAULT 3`);
    await expect(one.query(all)).rejects.toMatchObject({ code: '0A000' });
    expect(one.isOpen).toBe(false);
    // Deallocated in favour of others, it is described again.
    for (let number = 0; number < 64; number++)
      await other.query(compiledSql({ name: `o${number}`, text: 'SELECT 1', values: [] }));
    expect(await other.query(all)).toEqual([{ b: 'x', c: 3 }]);
    await Promise.all([one.close(), other.close()]);
  });
});

describe('a transaction', () => {
  test('is committed when its work resolves, and gives the work’s value', async () => {
    const value = await connection.transaction(async (inside) => {
      await inside.query(sql`INSERT INTO note VALUES (10, 'kept')`);
      return 'value';
    });
    expect(value).toBe('value');
    expect(await connection.query(sql`SELECT text FROM note WHERE id = 10`)).toEqual([{ text: 'kept' }]);
  });

  test('is rolled back when its work rejects, and the work’s error is passed on', async () => {
    const failing = connection.transaction(async (inside) => {
      await inside.query(sql`INSERT INTO note VALUES (11, 'gone')`);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    expect(await connection.query(sql`SELECT text FROM note WHERE id = 11`)).toEqual([]);
  });

  test('is not reported as committed when one of its statements had failed', async () => {
    const swallowing = connection.transaction(async (inside) => {
      await inside.query(sql`INSERT INTO note VALUES (12, 'lost')`);
      await inside.query(sql`SELECT 1 / 0`).catch(() => undefined);
    });
    await expect(swallowing).rejects.toThrow(/rolled back/);
  });

  test('can be read only and see one snapshot', async () => {
    const options = { isolation: 'repeatable read', readOnly: true } as const;
    const write = connection.transaction((inside) => inside.query(sql`INSERT INTO note VALUES (13, 'x')`), options);
    expect(sqlState(await write.catch((error: unknown) => error))).toBe('25006');
    const mode = await connection.transaction((inside) => inside.query(sql`SHOW transaction_isolation`), options);
    expect(mode).toEqual([{ transaction_isolation: 'repeatable read' }]);
  });

  test('does not nest, and its connection ends with it', async () => {
    await expect(connection.transaction((inside) => inside.transaction(async () => 1))).rejects.toThrow(/already open/);
    const outer = connection.transaction(() => connection.transaction(async () => 1));
    await expect(outer).rejects.toThrow(/already open/);
    const kept = await connection.transaction(async (inside) => ({ inside }));
    await expect(kept.inside.query(sql`SELECT 1`)).rejects.toThrow(/given back/);
  });
});

describe('listening', () => {
  test('notifications arrive with their channel and payload', async () => {
    const got: [string, string][] = [];
    const { arrived, reached } = countdown(2);
    const listener = await listen(
      database.url,
      ['one', 'Two'],
      (channel, payload) => {
        got.push([channel, payload]);
        arrived();
      },
      () => undefined,
    );
    await connection.query(sql`SELECT pg_notify('one', 'p1'), pg_notify('other', 'p2'), pg_notify('Two', '')`);
    await reached;
    await listener.close();
    expect(got).toEqual([
      ['one', 'p1'],
      ['Two', ''],
    ]);
  });

  test('a lost connection is opened again, and the caller is told before the next notification', async () => {
    const events: string[] = [];
    const reconnected = countdown(1);
    const notified = countdown(1);
    const listener = await listen(
      database.url,
      ['news'],
      (_channel, payload) => {
        events.push(payload);
        notified.arrived();
      },
      (cause) => {
        events.push(cause instanceof Error ? 'reconnected' : 'no cause');
        reconnected.arrived();
      },
    );
    await connection.query(
      sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND datname = current_database()`,
    );
    await reconnected.reached;
    await connection.query(sql`SELECT pg_notify('news', 'after')`);
    await notified.reached;
    await listener.close();
    expect(events).toEqual(['reconnected', 'after']);
  });

  test('a first connection that fails is an error', async () => {
    await expect(
      listen(
        'postgres://nobody:x@127.0.0.1:1/x',
        ['a'],
        () => undefined,
        () => undefined,
      ),
    ).rejects.toThrow(/ECONNREFUSED/);
  });
});

function countdown(count: number): { arrived: () => void; reached: Promise<void> } {
  let left = count;
  let resolve: () => void = () => undefined;
  const reached = new Promise<void>((done) => (resolve = done));
  return {
    reached,
    arrived: () => {
      left--;
      if (left === 0) resolve();
    },
  };
}

/** Where pg tells of each message from the server; its type declarations leave it out. */
const connectionOf = ({ client }: Session): EventEmitter =>
  (client as unknown as { connection: EventEmitter }).connection;
