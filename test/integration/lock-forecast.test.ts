/** Whether the locks that are forecast are those that PostgreSQL takes. */
import { compiledSql, connectOnce, type OwnedConnection } from '#postgres';
import { lockForecast, stepForecast } from '#tenant-schema';
import { aDatabase, type TestDatabase } from '#testing';

let database: TestDatabase;
let owner: OwnedConnection;
const run = <Row extends object = Record<string, unknown>>(text: string): Promise<Row[]> =>
  owner.query<Row>(compiledSql({ text, values: [] }));

beforeAll(async () => {
  database = await aDatabase();
  owner = await connectOnce(database.url);
  for (const statement of [
    'CREATE TABLE room (id integer PRIMARY KEY)',
    'CREATE TABLE slot (id integer PRIMARY KEY, label text, room integer, size integer)',
    'ALTER TABLE slot ADD CONSTRAINT positive CHECK (size > 0) NOT VALID',
    `CREATE INDEX slot_label ON slot (label)`,
    `CREATE UNIQUE INDEX slot_size ON slot (size)`,
    `INSERT INTO slot SELECT n, 'l' || n, n, n FROM generate_series(1, 10) n`,
    `CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$`,
    'CREATE TRIGGER quiet AFTER INSERT ON slot FOR EACH ROW EXECUTE FUNCTION nothing()',
    'CREATE MATERIALIZED VIEW sizes AS SELECT id AS size FROM room',
    'CREATE UNIQUE INDEX sizes_size ON sizes (size)',
    'CREATE SEQUENCE number',
    `CREATE TYPE mood AS ENUM ('calm')`,
  ])
    await run(statement);
});

afterAll(async () => {
  await owner.close();
  await database.drop();
});

const modes = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
];
const strongest = (found: readonly (string | null)[]): string | null =>
  found.reduce((one, other) => (modes.indexOf(other ?? '') > modes.indexOf(one ?? '') ? other : one), null);

/** The strongest lock that the statement holds on the object, and whether the object has another file after it. */
async function observe(statement: string, object: string): Promise<{ lock: string | null; rewrites: boolean }> {
  const [{ oid } = { oid: 0 }] = await run<{ oid: number }>(`SELECT '${object}'::regclass::oid AS oid`);
  const file = async () => (await run<{ file: number | null }>(`SELECT pg_relation_filenode(${oid}) AS file`))[0]?.file;
  await run('BEGIN');
  try {
    const before = await file();
    await run(statement);
    const locks = await run<{ mode: string }>(
      `SELECT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation' AND relation = ${oid}`,
    );
    const after = await file();
    // pg_locks says AccessExclusiveLock, the documentation ACCESS EXCLUSIVE.
    const names = locks.map(({ mode }) =>
      mode
        .replace(/Lock$/, '')
        .replaceAll(/(?!^)([A-Z])/g, ' $1')
        .toUpperCase(),
    );
    return { lock: strongest(names), rewrites: after !== null && after !== before };
  } finally {
    await run('ROLLBACK');
  }
}

async function forecast(statement: string, object: string): Promise<{ lock: string | null; rewrites: boolean }> {
  const about = (await lockForecast(statement)).filter((part) => part.object === object);
  return { lock: strongest(about.map(({ lock }) => lock)), rewrites: about.some(({ rewrites }) => rewrites) };
}

describe('what is forecast for a statement is what PostgreSQL does', () => {
  test.each([
    'ALTER TABLE slot ADD extra integer',
    `ALTER TABLE slot ADD extra text NOT NULL DEFAULT 'none'`,
    'ALTER TABLE slot ADD extra timestamptz DEFAULT now()',
    'ALTER TABLE slot ADD extra uuid DEFAULT gen_random_uuid()',
    'ALTER TABLE slot ADD extra serial',
    'ALTER TABLE slot ADD extra integer GENERATED ALWAYS AS IDENTITY',
    'ALTER TABLE slot ADD extra integer GENERATED ALWAYS AS (size * 2) STORED',
    'ALTER TABLE slot ADD extra integer GENERATED ALWAYS AS (size * 2)',
    'ALTER TABLE slot ADD extra integer CHECK (extra > 0)',
    'ALTER TABLE slot ADD extra integer UNIQUE',
    'ALTER TABLE slot ADD extra integer REFERENCES room',
    'ALTER TABLE slot ADD extra integer, ALTER size SET STATISTICS 7',
    'ALTER TABLE slot DROP label',
    'ALTER TABLE slot ALTER size TYPE bigint',
    'ALTER TABLE slot ALTER size SET DEFAULT 1',
    'ALTER TABLE slot ALTER size SET NOT NULL',
    'ALTER TABLE slot ALTER size DROP NOT NULL',
    'ALTER TABLE slot ALTER size SET STATISTICS 7',
    'ALTER TABLE slot ALTER size SET (n_distinct = 7)',
    'ALTER TABLE slot ALTER label SET STORAGE EXTERNAL',
    'ALTER TABLE slot ADD CONSTRAINT k CHECK (size > 0) NOT VALID',
    'ALTER TABLE slot ADD CONSTRAINT k CHECK (size > 0)',
    'ALTER TABLE slot ADD CONSTRAINT k NOT NULL size NOT VALID',
    'ALTER TABLE slot ADD CONSTRAINT k FOREIGN KEY (room) REFERENCES room NOT VALID',
    'ALTER TABLE slot ADD CONSTRAINT k UNIQUE (label)',
    'ALTER TABLE slot ADD CONSTRAINT k UNIQUE USING INDEX slot_size',
    'ALTER TABLE slot VALIDATE CONSTRAINT positive',
    'ALTER TABLE slot DROP CONSTRAINT positive',
    'ALTER TABLE slot SET (fillfactor = 70)',
    'ALTER TABLE slot SET (autovacuum_enabled = false)',
    'ALTER TABLE slot RESET (fillfactor)',
    'ALTER TABLE slot CLUSTER ON slot_label',
    'ALTER TABLE slot SET WITHOUT CLUSTER',
    'ALTER TABLE slot DISABLE TRIGGER quiet',
    'ALTER TABLE slot SET UNLOGGED',
    'ALTER TABLE slot ENABLE ROW LEVEL SECURITY',
    'ALTER TABLE slot REPLICA IDENTITY FULL',
    'ALTER TABLE slot OWNER TO CURRENT_USER',
    'ALTER TABLE slot RENAME label TO title',
    'ALTER TABLE slot RENAME TO place',
    'CREATE INDEX another ON slot (label)',
    'CREATE STATISTICS pair ON label, size FROM slot',
    'CREATE TRIGGER more AFTER INSERT ON slot FOR EACH ROW EXECUTE FUNCTION nothing()',
    'CREATE POLICY mine ON slot USING (true)',
    'CREATE RULE quietly AS ON DELETE TO slot DO INSTEAD NOTHING',
    'CREATE VIEW short AS SELECT id FROM slot',
    'CREATE TABLE copied AS SELECT id FROM slot',
    'CREATE MATERIALIZED VIEW copied AS SELECT id FROM slot',
    'CREATE TABLE child (slot integer REFERENCES slot)',
    'DROP TABLE slot CASCADE',
    'DROP TRIGGER quiet ON slot',
    `COMMENT ON TABLE slot IS 'a place'`,
    `COMMENT ON COLUMN slot.label IS 'its name'`,
    'SELECT label FROM slot',
    'INSERT INTO slot VALUES (11)',
    'INSERT INTO slot SELECT id + 100 FROM slot',
    'UPDATE slot SET size = 3 WHERE id = 3',
    'DELETE FROM slot WHERE id = 3',
    'MERGE INTO slot USING room ON room.id = slot.id WHEN MATCHED THEN DELETE',
    'WITH gone AS (DELETE FROM slot WHERE id = 3 RETURNING id) SELECT id FROM gone',
    'TRUNCATE slot',
    'LOCK TABLE slot',
    'ANALYZE slot',
    'CLUSTER slot USING slot_label',
    'REINDEX TABLE slot',
  ])('%s', async (statement) => {
    const { lock, rewrites } = await observe(statement, 'slot');
    const expected = await forecast(statement, 'slot');
    // The indexes are written anew by REINDEX, not the table; an emptied table is in another file, but nothing is written.
    const hasOtherFile = /^(REINDEX|TRUNCATE)/.test(statement);
    expect(hasOtherFile ? { ...expected, rewrites } : expected).toEqual({ lock, rewrites });
  });

  test.each([
    ['ALTER TABLE slot ADD CONSTRAINT k FOREIGN KEY (room) REFERENCES room NOT VALID', 'room'],
    ['ALTER TABLE slot ADD extra integer REFERENCES room', 'room'],
    ['ALTER INDEX slot_label SET (fillfactor = 70)', 'slot_label'],
    ['ALTER INDEX slot_label RENAME TO slot_title', 'slot_label'],
    ['DROP INDEX slot_label', 'slot_label'],
    ['REFRESH MATERIALIZED VIEW sizes', 'sizes'],
    ['REFRESH MATERIALIZED VIEW CONCURRENTLY sizes', 'sizes'],
  ])('%s, on %s', async (statement, object) => {
    expect(await forecast(statement, object)).toEqual(await observe(statement, object));
  });

  test('rights and sequences take locks on which nobody waits for long', async () => {
    expect((await observe('GRANT SELECT ON slot TO PUBLIC', 'slot')).lock).toBe('ACCESS SHARE');
    expect(await lockForecast('GRANT SELECT ON slot TO PUBLIC')).toMatchObject([{ blocks: 'nothing' }]);
    expect((await observe('ALTER SEQUENCE number CACHE 20', 'number')).lock).toBe('SHARE ROW EXCLUSIVE');
    expect(await lockForecast('ALTER SEQUENCE number CACHE 20')).toMatchObject([{ lock: 'SHARE ROW EXCLUSIVE' }]);
  });

  test.each(['CREATE INDEX CONCURRENTLY another ON slot (label)', 'REINDEX TABLE CONCURRENTLY slot', 'VACUUM slot'])(
    '%s blocks nothing but another of its kind',
    async (statement) => {
      // Outside a transaction its locks cannot be looked at afterwards, so somebody else holds what it must go along with.
      const writer = await connectOnce(database.url);
      try {
        await writer.query(compiledSql({ text: 'BEGIN', values: [] }));
        await writer.query(compiledSql({ text: 'LOCK TABLE slot IN SHARE UPDATE EXCLUSIVE MODE', values: [] }));
        await run(`SET lock_timeout = '20ms'`);
        await expect(run(statement)).rejects.toThrow('lock timeout');
        await writer.query(compiledSql({ text: 'ROLLBACK', values: [] }));
        expect(await lockForecast(statement)).toMatchObject([{ lock: 'SHARE UPDATE EXCLUSIVE', blocks: 'nothing' }]);
      } finally {
        await run('RESET lock_timeout');
        await writer.close();
      }
    },
  );
});

describe('a forecast', () => {
  test('says what to do instead of what is dangerous', async () => {
    expect(await lockForecast('CREATE INDEX slot_room ON slot (room)')).toEqual([
      {
        statement: 'CREATE INDEX',
        object: 'slot',
        lock: 'SHARE',
        blocks: 'writes',
        scans: true,
        rewrites: false,
        hazard: 'blocking-index',
        note: expect.stringContaining('CONCURRENTLY'),
        page: 'https://www.postgresql.org/docs/18/sql-createindex.html',
      },
    ]);
  });

  test('has a part for each part of a statement, and each statement of a text', async () => {
    const found = await lockForecast(
      'ALTER TABLE slot ADD a integer, VALIDATE CONSTRAINT b; DROP TABLE room, place.chair',
    );
    expect(found.map(({ statement, object }) => `${statement}: ${object}`)).toEqual([
      'ALTER TABLE ADD COLUMN: slot',
      'VALIDATE CONSTRAINT: slot',
      'DROP TABLE: room',
      'DROP TABLE: place.chair',
    ]);
  });

  test('expects the worst of what cannot be seen in the text', async () => {
    for (const statement of ['DO $$ BEGIN END $$', 'SELECT forget_logins()', 'CALL tidy()', 'ALTER SYSTEM SET a = 1']) {
      expect(await lockForecast(statement)).toMatchObject([{ lock: 'ACCESS EXCLUSIVE', hazard: 'opaque' }]);
    }
  });

  test('knows the placeholder of the own role of a project', async () => {
    expect(await lockForecast('GRANT SELECT ON slot TO :tenant_role')).toMatchObject([{ blocks: 'nothing' }]);
  });

  test('of what is no SQL is refused as PostgreSQL would', async () => {
    await expect(lockForecast('ALTER TABEL slot')).rejects.toThrow('syntax error at or near "TABEL"');
  });

  test('of a migration takes no notice of locks on what the migration itself makes', async () => {
    const [made, indexed, other] = await stepForecast([
      'CREATE TABLE chair (id integer)',
      'CREATE INDEX chair_id ON chair (id)',
      'CREATE INDEX slot_room ON slot (room)',
    ]);
    expect(made?.locks).toMatchObject([{ blocks: 'nothing', hazard: null }]);
    expect(indexed?.locks).toMatchObject([{ blocks: 'nothing', scans: false, hazard: null }]);
    expect(other).toMatchObject({ number: 3, locks: [{ blocks: 'writes', hazard: 'blocking-index' }] });
  });
});
