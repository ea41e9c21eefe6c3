/** How the schema of one tenant database is changed, whoever else tries it at the same time. */
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import { type TenantMigration, tenantMigrations } from '#migrations/tenant';
import {
  appliedSchema,
  migrateSchema,
  runBackfill,
  SchemaError,
  type SchemaFailure,
  type SchemaMigrationOptions,
  type SchemaStep,
  schemaSteps,
  schemaVersion,
  verifySchema,
} from '#tenant-schema';
import { aDatabase, type TestDatabase } from '#testing';
import type { QueryRunner } from 'typeorm';
import { until } from './store.fixture.js';

let database: TestDatabase;
let open: OwnedConnection[];
let owner: OwnedConnection;

beforeEach(async () => {
  database = await aDatabase();
  open = [];
  owner = await connect();
});

afterEach(async () => {
  await Promise.all(open.map((connection) => connection.close()));
  await database.drop();
});

async function connect(): Promise<OwnedConnection> {
  const connection = await connectOnce(database.url);
  open.push(connection);
  return connection;
}

const run = <Row extends object = Record<string, unknown>>(text: string, by = owner): Promise<Row[]> =>
  by.query<Row>(compiledSql({ text, values: [] }));

/** A migration after the baseline: its statements and what else it says of itself. */
function migration(
  name: string,
  statements: readonly string[],
  settings: Partial<Pick<TenantMigration, 'transaction' | 'statementTimeoutMs' | 'backfill' | 'phase'>> = {},
): new () => TenantMigration {
  return class implements TenantMigration {
    readonly name = name;
    readonly phase = settings.phase ?? 'expand';
    readonly transaction = settings.transaction;
    readonly statementTimeoutMs = settings.statementTimeoutMs;
    readonly backfill = settings.backfill;
    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements) await runner.query(statement);
    }
    async down(): Promise<void> {
      throw new Error('never');
    }
  };
}

const steps = (...more: (new () => TenantMigration)[]): Promise<SchemaStep[]> =>
  schemaSteps([...tenantMigrations.slice(0, 1), ...more]);

const migrate = (all: readonly SchemaStep[], options: Partial<SchemaMigrationOptions> = {}, by = owner) =>
  migrateSchema(by, { steps: all, target: all.length, fence: '7', by: 'rol_test', lockTimeoutMs: 2_000, ...options });

/** What a migration was refused with. */
async function failure(attempt: Promise<unknown>): Promise<SchemaFailure> {
  const error: unknown = await attempt.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (error instanceof SchemaError) return error.failure;
  throw new Error('That should have failed with a SchemaError.', { cause: error });
}

/** Runs a statement in a transaction of its own, which keeps its locks until it is released. */
async function holding(statement: string): Promise<() => Promise<void>> {
  const holder = await connect();
  await run('BEGIN', holder);
  await run(statement, holder);
  return async () => void (await run('ROLLBACK', holder));
}

const makeSlot = migration('Slot2', ['CREATE TABLE slot (id integer PRIMARY KEY, label text)']);

describe('a database is brought to the schema of the release', () => {
  test('from empty, with a record of each step', async () => {
    const all = await schemaSteps(tenantMigrations);
    expect(await schemaVersion(owner)).toBe(0);
    const change = await migrate(all);
    expect(change).toMatchObject({ from: 0, to: all.length });
    expect(change.applied.map(({ step }) => step.name)).toEqual(all.map(({ name }) => name));
    expect(await appliedSchema(owner)).toEqual(all.map(({ version, name, checksum }) => ({ version, name, checksum })));
    expect(await run('SELECT applied_by, phase, fence FROM schema_version WHERE version = 1')).toEqual([
      { applied_by: 'rol_test', phase: 'expand', fence: '7' },
    ]);
  });

  test('up to the target and no further', async () => {
    const all = await steps(makeSlot);
    expect(await migrate(all, { target: 1 })).toMatchObject({ from: 0, to: 1 });
    expect(await migrate(all, { target: 2, expected: 1 })).toMatchObject({ from: 1, to: 2 });
    expect(await migrate(all, { target: 1 })).toMatchObject({ from: 2, to: 2, applied: [] });
  });

  test('a second time nothing happens', async () => {
    const all = await steps(makeSlot);
    await migrate(all);
    expect(await migrate(all)).toMatchObject({ from: 2, to: 2, applied: [] });
    expect(await migrate(all, { expected: 2 })).toMatchObject({ applied: [] });
  });

  test('when it has another schema than was thought, it is found out', async () => {
    const all = await steps(makeSlot, migration('More3', ['ALTER TABLE slot ADD more text']));
    await migrate(all, { target: 2 });
    expect(await migrate(all, { expected: 1 })).toMatchObject({ from: 2, to: 3 });
    expect(await migrate(all, { expected: 0 })).toMatchObject({ from: 3, to: 3, applied: [] });
  });

  test('when it has another schema than was thought, by a step with another content, it is refused', async () => {
    const all = await steps(makeSlot);
    await migrate(all);
    const edited = await steps(migration('Slot2', ['CREATE TABLE slot (id bigint PRIMARY KEY, label text)']));
    expect(await failure(migrate(edited, { expected: 1 }))).toMatchObject({
      code: 'checksum-mismatch',
      message: expect.stringContaining('Slot2'),
    });
  });

  test('when it is behind what was thought, it is left as it is and told', async () => {
    const all = await steps(makeSlot, migration('More3', ['ALTER TABLE slot ADD more text']));
    await migrate(all, { target: 1 });
    expect(await migrate(all, { expected: 2 })).toEqual({ from: 1, to: 1, applied: [] });
    expect(await schemaVersion(owner)).toBe(1);
  });

  test('by two at once, each step is applied by one of them', async () => {
    const all = await steps(makeSlot, migration('Pause3', ['SELECT pg_sleep(0.05)', 'ALTER TABLE slot ADD more text']));
    const others = await Promise.all([connect(), connect(), connect()]);
    const changes = await Promise.all(others.map((connection) => migrate(all, { lockTimeoutMs: 10_000 }, connection)));
    expect(changes.map(({ to }) => to)).toEqual([3, 3, 3]);
    expect(changes.flatMap(({ applied }) => applied.map(({ step }) => step.version)).sort()).toEqual([1, 2, 3]);
  });
});

describe('a look into a database', () => {
  test('tells its schema, 0 when there is none, whatever later releases have added', async () => {
    const all = await steps(makeSlot);
    expect(await verifySchema(owner, all)).toBe(0);
    await migrate(all);
    expect(await verifySchema(owner, all)).toBe(2);
    expect(await verifySchema(owner, all.slice(0, 1))).toBe(2);
  });

  test('refuses one in which a step was applied with another content, and names the first such step', async () => {
    const all = await steps(makeSlot);
    await migrate(all);
    const edited = all.map((step) => ({ ...step, checksum: 'f'.repeat(64) }));
    expect(await failure(verifySchema(owner, edited))).toEqual({
      ...{ code: 'checksum-mismatch', isTransient: false },
      message: expect.stringContaining('TenantBaseline1793232000000'),
    });
  });
});

test('a database keeps the content that a step of this release supersedes, and goes on from it', async () => {
  const [baseline, slot] = (await steps(makeSlot)) as [SchemaStep, SchemaStep];
  await migrate([baseline], { target: 1 });
  const mended = [{ ...baseline, checksum: 'f'.repeat(64), supersedes: [baseline.checksum] }, slot];
  expect(await verifySchema(owner, mended)).toBe(1);
  await migrate(mended);
  expect((await appliedSchema(owner)).map(({ checksum }) => checksum)).toEqual([baseline.checksum, slot.checksum]);
});

describe('a database refuses', () => {
  test('a lease that was replaced', async () => {
    const all = await steps(makeSlot);
    await migrate(all, { target: 1, fence: '12' });
    expect(await failure(migrate(all, { fence: '11' }))).toMatchObject({ code: 'stale-fence', isTransient: false });
    expect(await schemaVersion(owner)).toBe(1);
    await migrate(all, { fence: '12' });
    expect(await schemaVersion(owner)).toBe(2);
  });

  test('a release whose migrations are not those that were applied', async () => {
    await migrate(await steps(makeSlot), { target: 1 });
    const [baseline, slot] = await steps(makeSlot);
    const edited = [{ ...baseline, checksum: 'f'.repeat(64) }, slot] as SchemaStep[];
    expect(await failure(migrate(edited))).toMatchObject({
      code: 'checksum-mismatch',
      message: expect.stringContaining('TenantBaseline1793232000000'),
    });
    expect(await schemaVersion(owner)).toBe(1);
  });
});

describe('a step that fails', () => {
  test('leaves nothing, and names its statement and the place in it', async () => {
    const broken = migration('Broken2', ['CREATE TABLE slot (id integer)', 'ALTER TABLE slot ADD COLUMN at datum']);
    const all = await steps(broken);
    const told = await failure(migrate(all));
    expect(told).toEqual({
      migration: 'Broken2',
      statement: { number: 2, text: 'ALTER TABLE slot ADD COLUMN at datum' },
      code: '42704',
      message: 'type "datum" does not exist',
      position: 32,
      isTransient: false,
    });
    expect(await run(`SELECT to_regclass('slot') AS slot`)).toEqual([{ slot: null }]);
    expect(await schemaVersion(owner)).toBe(1);
    expect(await migrate(await steps(makeSlot))).toMatchObject({ from: 1, to: 2 });
  });

  test('does not repeat what is in a row', async () => {
    const all = await steps(
      makeSlot,
      migration('Numbers3', [
        `INSERT INTO slot VALUES (1, 'Ana Quay')`,
        'ALTER TABLE slot ALTER label TYPE integer USING label::integer',
      ]),
    );
    expect(JSON.stringify(await failure(migrate(all)))).not.toContain('"Ana Quay"');
    expect((await failure(migrate(all))).message).not.toContain('Ana');
  });

  test('for a lock that another transaction holds may succeed later', async () => {
    const all = await steps(makeSlot, migration('More3', ['ALTER TABLE slot ADD more text']));
    await migrate(all, { target: 2 });
    const release = await holding('SELECT * FROM slot');
    expect(await failure(migrate(all, { lockTimeoutMs: 50 }))).toMatchObject({
      migration: 'More3',
      statement: { number: 1 },
      code: '55P03',
      isTransient: true,
    });
    await release();
    expect(await migrate(all, { lockTimeoutMs: 5_000 })).toMatchObject({ from: 2, to: 3 });
  });

  test('for a connection that was lost may succeed later', async () => {
    const all = await steps(migration('Slow2', ['SELECT pg_sleep(20)']));
    const doomed = await connect();
    const attempt = failure(migrate(all, {}, doomed));
    await until(async () => {
      const found = await run(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query = 'SELECT pg_sleep(20)'`,
      );
      return found.length > 0;
    });
    expect(await attempt).toMatchObject({ migration: 'Slow2', isTransient: true });
    expect(await schemaVersion(owner)).toBe(1);
  });

  test('by taking too long is named and not tried again by itself', async () => {
    const all = await steps(migration('Slow2', ['SELECT pg_sleep(20)'], { statementTimeoutMs: 100 }));
    expect(await failure(migrate(all))).toMatchObject({
      migration: 'Slow2',
      statement: { number: 1, text: 'SELECT pg_sleep(20)' },
      code: '57014',
      isTransient: false,
    });
  });
});

describe('a step outside transactions', () => {
  const concurrently = migration(
    'Index3',
    [
      `-- Comments do not hide what a statement is.
       CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS slot_label ON slot (label)`,
      'DROP INDEX CONCURRENTLY IF EXISTS slot_before',
    ],
    { transaction: false },
  );
  const isValid = () => run(`SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass('slot_label')`);

  test('is recorded when all of it is done', async () => {
    const all = await steps(makeSlot, concurrently);
    expect(await migrate(all)).toMatchObject({ from: 0, to: 3 });
    expect(await isValid()).toEqual([{ indisvalid: true }]);
    expect(await schemaVersion(owner)).toBe(3);
    // The lock was given back.
    expect(await migrate(all, {}, await connect())).toMatchObject({ applied: [] });
  });

  test('that was killed in the middle left an invalid index, which is built anew', async () => {
    const all = await steps(makeSlot, concurrently);
    await migrate(all, { target: 2 });
    // The build waits for this transaction, and is killed while it does.
    const release = await holding('INSERT INTO slot VALUES (1, NULL)');
    const attempt = failure(migrate(all, {}, await connect()));
    await until(async () => {
      const invalid = (await isValid())[0];
      if (invalid === undefined) return false;
      await run(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE datname = current_database() AND query LIKE '%CREATE UNIQUE INDEX CONCURRENTLY%' AND pid <> pg_backend_pid()`,
      );
      return true;
    });
    expect(await attempt).toMatchObject({ migration: 'Index3', isTransient: true });
    await release();
    expect(await isValid()).toEqual([{ indisvalid: false }]);
    expect(await schemaVersion(owner)).toBe(2);

    expect(await migrate(all)).toMatchObject({ from: 2, to: 3 });
    expect(await isValid()).toEqual([{ indisvalid: true }]);
  });

  test('that fails for what the rows hold leaves no index, which would go on refusing rows', async () => {
    const all = await steps(makeSlot, concurrently);
    await migrate(all, { target: 2 });
    await run(`INSERT INTO slot VALUES (1, 'a'), (2, 'a')`);
    expect(await failure(migrate(all))).toMatchObject({ code: '23505', statement: { number: 1 } });
    expect(await isValid()).toEqual([]);
    await run(`DELETE FROM slot WHERE id = 2`);
    expect(await migrate(all)).toMatchObject({ from: 2, to: 3 });
  });

  test.each(['REINDEX TABLE CONCURRENTLY slot', 'REINDEX (VERBOSE, CONCURRENTLY) TABLE slot'])(
    'that was killed in the middle of %s left half an index of each, and the next try removes them',
    async (statement) => {
      const all = await steps(makeSlot, migration('Rebuilt3', [statement], { transaction: false }));
      await migrate(all, { target: 2 });
      const half = () => run(`SELECT relname FROM pg_class WHERE relname ~ '_ccnew' ORDER BY relname`);
      const release = await holding('INSERT INTO slot VALUES (1, NULL)');
      const attempt = failure(migrate(all, { lockTimeoutMs: 50 }, await connect()));
      await until(async () => {
        if ((await half()).length === 0) return false;
        const killed = await run(
          `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()
              AND query LIKE 'REINDEX%' AND wait_event_type = 'Lock' AND clock_timestamp() - query_start > interval '100 ms'`,
        );
        return killed.length > 0;
      });
      expect(await attempt).toMatchObject({ migration: 'Rebuilt3', isTransient: true });
      await release();
      // One of the table and one of its long values.
      expect(await half()).toHaveLength(2);

      expect(await migrate(all)).toMatchObject({ from: 2, to: 3 });
      expect(await half()).toEqual([]);
      expect(await run('SELECT FROM pg_index WHERE NOT indisvalid')).toEqual([]);
    },
  );

  test('waits for running transactions for longer than statements that others would queue behind', async () => {
    const all = await steps(makeSlot, concurrently);
    await migrate(all, { target: 2 });
    const release = await holding('INSERT INTO slot VALUES (1, NULL)');
    const change = migrate(all, { lockTimeoutMs: 30 }, await connect());
    await until(async () => {
      const waiting = await run(
        `SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'
            AND query LIKE '%CREATE UNIQUE INDEX%' AND clock_timestamp() - query_start > interval '150 ms'`,
      );
      return waiting.length > 0;
    });
    await release();
    expect(await change).toMatchObject({ from: 2, to: 3 });
    expect(await isValid()).toEqual([{ indisvalid: true }]);
  });

  test('that fails names its statement, and the lock is free again', async () => {
    const all = await steps(makeSlot, migration('Bad3', ['VACUUM slot', 'VACUUM slotted'], { transaction: false }));
    expect(await failure(migrate(all))).toMatchObject({
      migration: 'Bad3',
      statement: { number: 2, text: 'VACUUM slotted' },
      code: '42P01',
    });
    expect(await migrate(await steps(makeSlot, concurrently), {}, await connect())).toMatchObject({ from: 2, to: 3 });
  });

  test('waits for nobody: while one is at it, another one is told to come back', async () => {
    const all = await steps(makeSlot, concurrently);
    await migrate(all, { target: 2 });
    const first = await connect();
    await run('SELECT pg_advisory_lock(7210034402)', first);
    expect(await failure(migrate(all))).toMatchObject({ code: 'busy', isTransient: true });
  });

  test('is refused by the fence before it has done anything', async () => {
    const all = await steps(makeSlot, concurrently);
    await migrate(all, { target: 2, fence: '9' });
    expect(await failure(migrate(all, { fence: '8' }))).toMatchObject({ code: 'stale-fence' });
    expect(await isValid()).toEqual([]);
  });

  test('and has failed keeps out the lease before its own all the same', async () => {
    const bad = await steps(makeSlot, migration('Bad3', ['VACUUM slotted'], { transaction: false }));
    await migrate(bad, { target: 2 });
    expect(await failure(migrate(bad, { fence: '9' }))).toMatchObject({ code: '42P01' });
    expect(await failure(migrate(bad, { fence: '8' }))).toMatchObject({ code: 'stale-fence' });
    const good = await steps(makeSlot, concurrently);
    expect(await migrate(good, { fence: '9' })).toMatchObject({ from: 2, to: 3 });
  });
});

describe('rights in a migration', () => {
  const granting = migration('Slot2', ['CREATE TABLE slot (id integer)', 'GRANT SELECT ON slot TO :tenant_role']);

  test('go to the own role of the project, however it is named', async () => {
    const role = `od"d_${Math.random().toString(36).slice(2)}`;
    const quoted = `"${role.replaceAll('"', '""')}"`;
    await run(`CREATE ROLE ${quoted}`);
    await migrate(await steps(granting), { tenantRole: role });
    const [may] = await owner.query<{ may: boolean }>(
      compiledSql({ text: `SELECT has_table_privilege($1, 'slot', 'SELECT') AS may`, values: [role] }),
    );
    expect(may).toEqual({ may: true });
    await run(`DROP OWNED BY ${quoted}`);
    await run(`DROP ROLE ${quoted}`);
  });

  test('wait for grants.ts where no project has a role yet', async () => {
    await migrate(await steps(granting));
    expect(await run(`SELECT relacl FROM pg_class WHERE relname = 'slot'`)).toEqual([{ relacl: null }]);
  });
});

describe('a backfill', () => {
  const batch = `
    WITH picked AS (
      SELECT id FROM slot WHERE id > coalesce($1::integer, 0) ORDER BY id LIMIT $2
    ), changed AS (
      UPDATE slot SET label = coalesce(label, '') || 'x' WHERE id IN (SELECT id FROM picked)
    )
    SELECT max(id)::text AS watermark, count(*)::integer AS rows FROM picked`;
  const filling = migration('Fill2', ['CREATE TABLE slot (id integer PRIMARY KEY, label text)'], {
    backfill: { batch, batchSize: 10, pauseMs: 0 },
  });

  async function prepared(rows: number): Promise<SchemaStep> {
    const all = await steps(filling);
    await migrate(all);
    await run(`INSERT INTO slot SELECT generate_series(1, ${rows})`);
    return all[1] as SchemaStep;
  }
  const labels = () => run('SELECT label, count(*)::integer AS rows FROM slot GROUP BY label ORDER BY label');
  const once = (step: SchemaStep, by = owner, fence = '7') => runBackfill(by, { step, fence, lockTimeoutMs: 2_000 });

  test('works in batches, from where the last one ended, and says when nothing is left', async () => {
    const step = await prepared(25);
    expect(await once(step)).toEqual({ rows: 10, isFinished: false });
    expect(await run('SELECT watermark, rows, batches FROM schema_backfill')).toEqual([
      { watermark: '10', rows: '10', batches: '1' },
    ]);
    // Another process, which remembers nothing, goes on there.
    expect(await once(step, await connect())).toEqual({ rows: 10, isFinished: false });
    expect(await once(step)).toEqual({ rows: 5, isFinished: false });
    expect(await once(step)).toEqual({ rows: 0, isFinished: true });
    expect(await labels()).toEqual([{ label: 'x', rows: 25 }]);
    expect(await run('SELECT rows, finished_at IS NOT NULL AS finished FROM schema_backfill')).toEqual([
      { rows: '25', finished: true },
    ]);
    expect(await once(step)).toEqual({ rows: 0, isFinished: true });
  });

  test('does a batch again that was killed, and none twice', async () => {
    const step = await prepared(10);
    const doomed = await connect();
    await run('BEGIN');
    await run('SELECT * FROM slot WHERE id = 3 FOR UPDATE');
    const attempt = failure(runBackfill(doomed, { step, fence: '7', lockTimeoutMs: 20_000 }));
    await until(async () => {
      const blocked = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                        WHERE datname = current_database() AND wait_event_type = 'Lock'`;
      return (await run(blocked)).length > 0;
    });
    expect(await attempt).toMatchObject({ migration: 'Fill2', isTransient: true });
    await run('ROLLBACK');
    expect(await labels()).toEqual([{ label: null, rows: 10 }]);
    expect(await once(step)).toEqual({ rows: 10, isFinished: false });
    expect(await labels()).toEqual([{ label: 'x', rows: 10 }]);
  });

  test('by several at once does each row once', async () => {
    const step = await prepared(60);
    const others = await Promise.all([connect(), connect(), connect()]);
    await Promise.all(
      others.map(async (connection) => {
        while (!(await once(step, connection)).isFinished);
      }),
    );
    expect(await labels()).toEqual([{ label: 'x', rows: 60 }]);
  });

  test('is refused to a lease that was replaced', async () => {
    const step = await prepared(5);
    expect(await failure(once(step, owner, '6'))).toMatchObject({ code: 'stale-fence', isTransient: false });
    expect(await labels()).toEqual([{ label: null, rows: 5 }]);
    await once(step, owner, '8');
    expect(await failure(once(step, owner, '7'))).toMatchObject({ code: 'stale-fence' });
  });

  test('that fails names its statement', async () => {
    const all = await steps(
      migration('Fill2', ['CREATE TABLE slot (id integer)'], {
        backfill: { batch: 'SELECT nothing FROM slot', batchSize: 10, pauseMs: 0 },
      }),
    );
    await migrate(all);
    expect(await failure(once(all[1] as SchemaStep))).toMatchObject({
      migration: 'Fill2',
      statement: { number: 1, text: 'SELECT nothing FROM slot' },
      code: '42703',
    });
  });

  test('that meets the batch of another connection says so without a statement, for nothing of it has run', async () => {
    const step = await prepared(5);
    await once(step);
    await run('BEGIN');
    await run('UPDATE schema_backfill SET updated_at = now()');
    const other = await connect();
    const met = await failure(runBackfill(other, { step, fence: '7', lockTimeoutMs: 50 }));
    await run('ROLLBACK');
    expect(met).toMatchObject({ migration: 'Fill2', code: '55P03', isTransient: true });
    expect(met).not.toHaveProperty('statement');
  });
});

test('whoever stands still while it holds locks is cut off after ten seconds: in a step, outside transactions, in a batch', async () => {
  const now = `current_setting('idle_in_transaction_session_timeout') AS within, current_setting('idle_session_timeout') AS between`;
  const batch = `WITH told AS (INSERT INTO told SELECT 'batch', ${now}) SELECT $1 AS watermark, 0 AS rows WHERE $2 > 0`;
  const all = await steps(
    migration('Inside2', [`CREATE TABLE told AS SELECT 'inside' AS during, ${now}`], {
      backfill: { batch, batchSize: 1, pauseMs: 0 },
    }),
    migration('Outside3', [`INSERT INTO told SELECT 'outside', ${now}`], { transaction: false }),
  );
  await migrate(all);
  await runBackfill(owner, { step: all[1] as SchemaStep, fence: '7', lockTimeoutMs: 2_000 });
  expect(await run('SELECT during, within, between FROM told ORDER BY during')).toEqual([
    { during: 'batch', within: '10s', between: '0' },
    { during: 'inside', within: '10s', between: '0' },
    { during: 'outside', within: '10s', between: '10s' },
  ]);
  // Whose turn is over may rest.
  expect(await run(`SELECT ${now}`)).toEqual([{ within: '0', between: '0' }]);
});
