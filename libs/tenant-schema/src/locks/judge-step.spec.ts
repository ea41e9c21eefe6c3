import type { SchemaStep } from '../schema-step.js';
import { judgeStep } from './judge-step.js';

const step = (statements: string[], more: Partial<SchemaStep> = {}): SchemaStep => ({
  version: 2,
  name: 'Step2',
  phase: 'expand',
  transactional: true,
  statementTimeoutMs: 60_000,
  statements,
  checksum: '',
  ...more,
});
const rules = async (statements: string[], more: Partial<SchemaStep> = {}): Promise<unknown[]> =>
  (await judgeStep(step(statements, more))).map(({ rule }) => rule);

describe('a migration of a database in use is refused', () => {
  test.each([
    ['UPDATE slot SET label = upper(label)', 'data-change'],
    [`WITH old AS (DELETE FROM slot RETURNING id) SELECT id FROM old`, 'data-change'],
    ['INSERT INTO slot SELECT * FROM room', 'data-change'],
    ['TRUNCATE slot', 'data-change'],
    ['ALTER TABLE slot ALTER id TYPE bigint', 'type-change'],
    ['ALTER TABLE slot ADD key uuid DEFAULT gen_random_uuid()', 'rewrite'],
    ['ALTER TABLE slot ADD double integer GENERATED ALWAYS AS (id * 2) STORED', 'rewrite'],
    ['ALTER TABLE slot SET UNLOGGED', 'rewrite'],
    ['VACUUM (FULL) slot', 'rewrite'],
    ['CLUSTER slot USING slot_id', 'rewrite'],
    ['CREATE INDEX slot_label ON slot (label)', 'blocking-index'],
    ['DROP INDEX slot_label', 'blocking-index'],
    ['REINDEX TABLE slot', 'blocking-index'],
    ['ALTER TABLE slot ADD UNIQUE (label)', 'blocking-index'],
    ['ALTER TABLE slot ALTER label SET NOT NULL', 'set-not-null'],
    ['ALTER TABLE slot ADD extra text NOT NULL', 'set-not-null'],
    ['ALTER TABLE slot ADD CHECK (id > 0)', 'validated-constraint'],
    ['ALTER TABLE slot ADD FOREIGN KEY (room) REFERENCES room', 'validated-constraint'],
    ['LOCK TABLE slot IN SHARE MODE', 'explicit-lock'],
    ['DROP TABLE slot', 'drop'],
    ['DROP FUNCTION begin_write()', 'drop'],
    ['ALTER TABLE slot DROP label', 'drop'],
    ['ALTER TABLE slot RENAME label TO title', 'rename'],
    ['ALTER TABLE slot RENAME TO place', 'rename'],
    ['ALTER TABLE slot SET SCHEMA place', 'rename'],
    ['REVOKE UPDATE ON slot FROM :tenant_role', 'drop'],
    ['REVOKE EXECUTE ON FUNCTION begin_write(bigint) FROM :tenant_role, PUBLIC', 'drop'],
    ['REVOKE SELECT ON ALL TABLES IN SCHEMA public FROM :tenant_role', 'drop'],
    ['ALTER TABLE slot ENABLE ROW LEVEL SECURITY', 'drop'],
    ['CREATE OR REPLACE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$', 'replace'],
    ['CREATE OR REPLACE VIEW slots AS SELECT id FROM slot', 'replace'],
    ['DO $$ BEGIN DELETE FROM slot; END $$', 'opaque'],
    ['SELECT forget_logins()', 'opaque'],
    ['SET lock_timeout = 0', 'opaque'],
    ['SET LOCAL statement_timeout = 0', 'opaque'],
    ['RESET ALL', 'opaque'],
    ['SELECT id FROM slot FOR UPDATE', 'explicit-lock'],
    ['ALTER TABLE slot DISABLE TRIGGER ALL', 'drop'],
    ['CREATE RULE r AS ON INSERT TO slot DO INSTEAD NOTHING', 'replace'],
  ])('%s: %s', async (statement, rule) => {
    expect(await rules([statement])).toEqual([rule]);
    expect(await rules([`-- waiver: ${rule}: the table has one row\n${statement}`])).toEqual([]);
  });

  test('when it reads a table while it holds a lock on one', async () => {
    const added = 'ALTER TABLE slot ADD CONSTRAINT k CHECK (id > 0) NOT VALID';
    const validated = 'ALTER TABLE slot VALIDATE CONSTRAINT k';
    expect(await rules([added, validated])).toEqual(['scan-under-lock']);
    expect(await rules([added])).toEqual([]);
    expect(await rules([validated])).toEqual([]);
  });

  test.each([
    'CREATE TABLE copied AS SELECT * FROM room',
    'INSERT INTO chair SELECT id FROM room',
    'CREATE MATERIALIZED VIEW copied AS SELECT id FROM room',
  ])('when it copies a table while it holds a lock on one: %s', async (copying) => {
    const made = 'CREATE TABLE chair (id integer)';
    const locking = 'ALTER TABLE slot ADD extra text';
    expect(await rules([made, locking, copying])).toEqual(['scan-under-lock']);
    expect(await rules([made, copying, locking])).toEqual([]);
  });

  test('when it cannot be repeated, and no transaction undoes it', async () => {
    const outside = { transactional: false };
    expect(await rules(['CREATE INDEX CONCURRENTLY a ON slot (id)'], outside)).toEqual(['not-repeatable']);
    expect(await rules(['CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON slot (id)'], outside)).toEqual([]);
    expect(await rules(['-- Why.\nDROP INDEX CONCURRENTLY\n IF EXISTS a'], outside)).toEqual([]);
    expect(await rules(['ALTER TABLE slot ADD extra text'], outside)).toEqual(['not-repeatable']);
  });

  test('when the table may have been there before, whatever the migration says', async () => {
    const maybeMade = 'CREATE TABLE IF NOT EXISTS slot (id integer)';
    expect(await rules([maybeMade, 'CREATE INDEX slot_id ON slot (id)'])).toEqual(['blocking-index']);
    expect(await rules([maybeMade, 'ALTER TABLE slot ALTER id TYPE bigint'])).toEqual(['type-change']);
    expect(await rules([maybeMade])).toEqual([]);
  });

  test('when it does nothing', async () => {
    expect(await judgeStep(step([]))).toEqual([{ rule: null, statement: null, message: 'It has no statements.' }]);
  });
});

describe('a migration passes', () => {
  test.each([
    'ALTER TABLE slot ADD extra text',
    `ALTER TABLE slot ADD extra text NOT NULL DEFAULT 'none'`,
    'ALTER TABLE slot ADD CONSTRAINT k NOT NULL label NOT VALID',
    'ALTER TABLE slot ADD CONSTRAINT k UNIQUE USING INDEX slot_label',
    'ALTER TABLE slot ALTER label SET DEFAULT 1',
    'CREATE FUNCTION f() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
    'REVOKE ALL ON FUNCTION f() FROM PUBLIC',
    'CREATE TABLE copied AS SELECT * FROM slot WITH NO DATA',
    'GRANT SELECT ON slot TO :tenant_role',
    `INSERT INTO slot VALUES (1), (2)`,
  ])('with %s', async (statement) => {
    expect(await rules([statement])).toEqual([]);
  });

  test('with anything on a table that it has just made', async () => {
    expect(
      await rules([
        'CREATE TABLE chair (id integer)',
        'CREATE INDEX chair_id ON chair (id)',
        'INSERT INTO chair SELECT id FROM slot',
        'ALTER TABLE chair ADD CHECK (id > 0)',
        'ALTER TABLE chair ENABLE ROW LEVEL SECURITY',
        'REVOKE DELETE ON chair FROM :tenant_role',
        'CREATE FUNCTION sit(integer) RETURNS int LANGUAGE sql AS $$ SELECT 1 $$',
        'CREATE OR REPLACE FUNCTION sit(integer) RETURNS int LANGUAGE sql AS $$ SELECT 2 $$',
        'REVOKE EXECUTE ON FUNCTION sit(integer) FROM :tenant_role',
      ]),
    ).toEqual([]);
  });

  test('that drops and renames what nobody needs, when its phase says so', async () => {
    const statements = ['ALTER TABLE slot DROP label', 'ALTER TABLE slot RENAME room TO place', 'DROP TABLE chair'];
    expect(await rules(statements, { phase: 'contract' })).toEqual([]);
    const validatedFirst = ['ALTER TABLE slot VALIDATE CONSTRAINT k', 'ALTER TABLE slot DROP label'];
    expect(await rules(validatedFirst, { phase: 'contract' })).toEqual([]);
    expect(await rules(validatedFirst.toReversed(), { phase: 'contract' })).toEqual(['scan-under-lock']);
  });
});

describe('a waiver', () => {
  test('is for one rule, one statement, and needs a reason', async () => {
    const indexed = 'CREATE INDEX a ON slot (id)';
    expect(await rules([`-- waiver: blocking-index:\n${indexed}`])).toEqual(['blocking-index']);
    expect(await rules([`-- waiver: blocking-index: few rows\n${indexed}`, indexed])).toEqual(['blocking-index']);
  });

  test('that nothing needs is refused', async () => {
    expect(await judgeStep(step(['-- waiver: drop: for fun\nALTER TABLE slot ADD extra text']))).toEqual([
      { rule: null, statement: 1, message: expect.stringContaining('waiver for drop') },
    ]);
  });
});
