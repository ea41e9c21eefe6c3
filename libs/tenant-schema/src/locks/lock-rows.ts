import type { LockMode } from './lock-modes.js';

/**
 * What a migration must not do to a table that is in use, unless a line in the statement says why it may here:
 * `-- waiver: <hazard>: <why>`.
 */
export type Hazard =
  /** Writes the whole table anew while nobody can read it. */
  | 'rewrite'
  /** Changes the type of a column: writes the table anew, and breaks the release before this one. */
  | 'type-change'
  /** Builds or drops an index while nobody can write. */
  | 'blocking-index'
  /** Reads the whole table while nobody can read or write it. */
  | 'set-not-null'
  /** The same, to verify a new constraint. */
  | 'validated-constraint'
  | 'explicit-lock'
  /** Removes something that the release before this one may use. */
  | 'drop'
  | 'rename'
  /** Puts something else in the place of what the release before this one calls. */
  | 'replace'
  /** Changes rows as part of the schema step, in one transaction. */
  | 'data-change'
  /** Does what cannot be seen in its text. */
  | 'opaque';

/** One row of the table of locks. */
export interface LockRow {
  /** The lock on the table or index named; null when there is none of it. */
  readonly lock: LockMode | null;
  /** Whether the whole table is read while the lock is held. */
  readonly scans?: true;
  /** Whether the whole table, or the index, is written anew while the lock is held. */
  readonly rewrites?: true;
  readonly hazard?: Hazard;
  /** What to know, and what to do instead where something is better. */
  readonly note?: string;
  /** Where PostgreSQL's documentation says so. */
  readonly page: string;
}

const addConstraintFirst = 'Add it NOT VALID, and validate it in a migration of its own: that blocks nothing.';
const concurrentlyInstead = 'Use CONCURRENTLY in a migration with `transaction = false`.';

const locking = { page: 'explicit-locking.html' };
const alterTable = { page: 'sql-altertable.html' };
const exclusiveAlter = { lock: 'ACCESS EXCLUSIVE', ...alterTable } as const;
const weakAlter = { lock: 'SHARE UPDATE EXCLUSIVE', ...alterTable } as const;

/** Statements that change a table or read it, and what each does to it. */
export const lockRows = {
  'CREATE TABLE': { lock: null, page: 'sql-createtable.html' },
  'CREATE TABLE AS': { lock: null, page: 'sql-createtableas.html' },
  'CREATE VIEW': { lock: null, page: 'sql-createview.html' },
  'CREATE FUNCTION': { lock: null, page: 'sql-createfunction.html' },
  'CREATE OR REPLACE': {
    lock: null,
    hazard: 'replace',
    note: 'The release before this one goes on using it. Give it another name.',
    page: 'ddl-depend.html',
  },
  'CREATE SEQUENCE': { lock: null, page: 'sql-createsequence.html' },
  'CREATE TYPE': { lock: null, page: 'sql-createtype.html' },
  'CREATE EXTENSION': { lock: null, page: 'sql-createextension.html' },
  'CREATE SCHEMA': { lock: null, page: 'sql-createschema.html' },
  'CREATE STATISTICS': { lock: 'SHARE UPDATE EXCLUSIVE', ...locking },
  'CREATE TRIGGER': { lock: 'SHARE ROW EXCLUSIVE', ...locking },
  'CREATE POLICY': { lock: 'ACCESS EXCLUSIVE', page: 'sql-createpolicy.html' },
  'CREATE RULE': {
    lock: 'ACCESS EXCLUSIVE',
    hazard: 'replace',
    note: 'What the release before this one writes there is done in another way, or not at all.',
    page: 'sql-createrule.html',
  },

  'CREATE INDEX': {
    lock: 'SHARE',
    scans: true,
    hazard: 'blocking-index',
    note: concurrentlyInstead,
    page: 'sql-createindex.html',
  },
  'CREATE INDEX CONCURRENTLY': {
    lock: 'SHARE UPDATE EXCLUSIVE',
    scans: true,
    note: 'Waits for every transaction that is older than it.',
    page: 'sql-createindex.html',
  },
  'DROP INDEX': {
    lock: 'ACCESS EXCLUSIVE',
    hazard: 'blocking-index',
    note: concurrentlyInstead,
    page: 'sql-dropindex.html',
  },
  'DROP INDEX CONCURRENTLY': { lock: 'SHARE UPDATE EXCLUSIVE', page: 'sql-dropindex.html' },
  REINDEX: {
    lock: 'SHARE',
    scans: true,
    rewrites: true,
    hazard: 'blocking-index',
    note: concurrentlyInstead,
    page: 'sql-reindex.html',
  },
  'REINDEX CONCURRENTLY': { lock: 'SHARE UPDATE EXCLUSIVE', scans: true, page: 'sql-reindex.html' },

  'ALTER TABLE ADD COLUMN': {
    ...exclusiveAlter,
    note: 'Rows stay as they are; a constant default is kept in the catalog.',
  },
  'ALTER TABLE ADD COLUMN with a computed default': {
    ...exclusiveAlter,
    scans: true,
    rewrites: true,
    hazard: 'rewrite',
    note: 'Add the column without it, set the default in a second statement, and fill in old rows by a backfill.',
  },
  'ALTER TABLE ADD COLUMN NOT NULL without default': {
    ...exclusiveAlter,
    scans: true,
    hazard: 'set-not-null',
    note: 'Fails when the table has a row. Give it a constant default.',
  },
  'ALTER TABLE DROP COLUMN': { ...exclusiveAlter, hazard: 'drop' },
  'ALTER COLUMN TYPE': {
    ...exclusiveAlter,
    scans: true,
    rewrites: true,
    hazard: 'type-change',
    note: 'Add a column of the new type, fill it in by a backfill, and drop the old one in a contract migration.',
  },
  'ALTER COLUMN SET DEFAULT': exclusiveAlter,
  'ALTER COLUMN SET NOT NULL': {
    ...exclusiveAlter,
    scans: true,
    hazard: 'set-not-null',
    note: 'Use ADD CONSTRAINT … NOT NULL … NOT VALID, and validate it in a migration of its own: that blocks nothing.',
  },
  'ALTER COLUMN DROP NOT NULL': exclusiveAlter,
  'ALTER COLUMN SET STATISTICS': weakAlter,
  'ALTER COLUMN SET (options)': weakAlter,
  'ALTER COLUMN SET STORAGE': exclusiveAlter,
  'ADD CONSTRAINT NOT VALID': exclusiveAlter,
  'ADD CONSTRAINT FOREIGN KEY NOT VALID': { ...alterTable, lock: 'SHARE ROW EXCLUSIVE' },
  'ADD CONSTRAINT': {
    ...exclusiveAlter,
    scans: true,
    hazard: 'validated-constraint',
    note: addConstraintFirst,
  },
  'ADD CONSTRAINT FOREIGN KEY': {
    ...alterTable,
    lock: 'SHARE ROW EXCLUSIVE',
    scans: true,
    hazard: 'validated-constraint',
    note: addConstraintFirst,
  },
  'ADD CONSTRAINT with an index': {
    ...exclusiveAlter,
    scans: true,
    hazard: 'blocking-index',
    note: 'Build the unique index concurrently in a migration of its own, and then add the constraint USING INDEX.',
  },
  'ADD CONSTRAINT USING INDEX': exclusiveAlter,
  'the referenced table of a FOREIGN KEY': { ...alterTable, lock: 'SHARE ROW EXCLUSIVE' },
  'VALIDATE CONSTRAINT': { ...weakAlter, scans: true },
  'DROP CONSTRAINT': {
    ...exclusiveAlter,
    note: 'The release before this one may rely on it, or name it in ON CONFLICT.',
  },
  'ALTER TABLE SET (options)': weakAlter,
  'ALTER TABLE CLUSTER ON': weakAlter,
  'ALTER TABLE ENABLE TRIGGER': { ...alterTable, lock: 'SHARE ROW EXCLUSIVE' },
  'ALTER TABLE DISABLE TRIGGER': {
    ...alterTable,
    lock: 'SHARE ROW EXCLUSIVE',
    hazard: 'drop',
    note: 'The release before this one may rely on it.',
  },
  'ALTER TABLE SET LOGGED, UNLOGGED or ACCESS METHOD': {
    ...exclusiveAlter,
    scans: true,
    rewrites: true,
    hazard: 'rewrite',
  },
  'ALTER TABLE ENABLE ROW LEVEL SECURITY': {
    ...exclusiveAlter,
    hazard: 'drop',
    note: 'The release before this one finds none of the rows that no policy lets it see.',
  },
  'ALTER TABLE': exclusiveAlter,
  'ALTER INDEX': { lock: 'SHARE UPDATE EXCLUSIVE', page: 'sql-alterindex.html' },
  'ALTER SEQUENCE': { lock: 'SHARE ROW EXCLUSIVE', page: 'sql-altersequence.html' },
  'ALTER TYPE ADD VALUE': { lock: null, page: 'sql-altertype.html' },
  'ALTER … OWNER': { lock: 'ACCESS EXCLUSIVE', ...alterTable },
  'ALTER … SET SCHEMA': { lock: 'ACCESS EXCLUSIVE', hazard: 'rename', ...alterTable },
  'ALTER … RENAME': {
    lock: 'ACCESS EXCLUSIVE',
    hazard: 'rename',
    note: 'The release before this one knows the old name.',
    ...alterTable,
  },
  'ALTER INDEX RENAME': { lock: 'SHARE UPDATE EXCLUSIVE', page: 'sql-alterindex.html' },
  'ALTER FUNCTION': { lock: null, page: 'sql-alterfunction.html' },

  'DROP TABLE': { lock: 'ACCESS EXCLUSIVE', hazard: 'drop', page: 'sql-droptable.html' },
  'DROP TRIGGER': { lock: 'ACCESS EXCLUSIVE', hazard: 'drop', page: 'sql-droptrigger.html' },
  DROP: { lock: null, hazard: 'drop', page: 'ddl-depend.html' },

  GRANT: { lock: null, page: 'sql-grant.html' },
  REVOKE: {
    lock: null,
    hazard: 'drop',
    note: 'The release before this one may use the right.',
    page: 'sql-revoke.html',
  },
  // A project's role has its rights by name, never as one of everybody.
  'REVOKE FROM PUBLIC': { lock: null, page: 'sql-revoke.html' },
  COMMENT: { lock: 'SHARE UPDATE EXCLUSIVE', page: 'sql-comment.html' },
  SET: {
    lock: null,
    hazard: 'opaque',
    note: 'It may lift the limits under which a migration runs, and then everybody waits for it.',
    page: 'sql-set.html',
  },

  SELECT: { lock: 'ACCESS SHARE', ...locking },
  'SELECT FOR UPDATE': {
    lock: 'ROW SHARE',
    scans: true,
    hazard: 'explicit-lock',
    note: 'Rows are locked until the step ends.',
    ...locking,
  },
  'SELECT into a table': { lock: 'ACCESS SHARE', scans: true, ...locking },
  INSERT: { lock: 'ROW EXCLUSIVE', ...locking },
  'INSERT, UPDATE, DELETE or MERGE': {
    lock: 'ROW EXCLUSIVE',
    scans: true,
    hazard: 'data-change',
    note: 'Rows are locked until the step ends. Use a backfill, which works in batches.',
    ...locking,
  },
  TRUNCATE: { lock: 'ACCESS EXCLUSIVE', hazard: 'data-change', page: 'sql-truncate.html' },
  'LOCK TABLE': { lock: 'ACCESS EXCLUSIVE', hazard: 'explicit-lock', page: 'sql-lock.html' },
  VACUUM: { lock: 'SHARE UPDATE EXCLUSIVE', scans: true, page: 'sql-vacuum.html' },
  'VACUUM FULL': {
    lock: 'ACCESS EXCLUSIVE',
    scans: true,
    rewrites: true,
    hazard: 'rewrite',
    page: 'sql-vacuum.html',
  },
  CLUSTER: { lock: 'ACCESS EXCLUSIVE', scans: true, rewrites: true, hazard: 'rewrite', page: 'sql-cluster.html' },
  ANALYZE: { lock: 'SHARE UPDATE EXCLUSIVE', page: 'sql-analyze.html' },
  'REFRESH MATERIALIZED VIEW': {
    lock: 'ACCESS EXCLUSIVE',
    scans: true,
    rewrites: true,
    hazard: 'rewrite',
    note: 'Use CONCURRENTLY.',
    page: 'sql-refreshmaterializedview.html',
  },
  'REFRESH MATERIALIZED VIEW CONCURRENTLY': {
    lock: 'EXCLUSIVE',
    scans: true,
    page: 'sql-refreshmaterializedview.html',
  },
  'a statement that runs code': {
    lock: 'ACCESS EXCLUSIVE',
    hazard: 'opaque',
    note: 'What it locks cannot be seen in its text; the strongest lock is assumed.',
    ...locking,
  },
} as const satisfies Record<string, LockRow>;

export type LockRowName = keyof typeof lockRows;
