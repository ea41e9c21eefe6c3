import { compiledSql, identifier, type Sql, sql } from '#postgres';

/** Waits for whoever migrates this database, and keeps others away until the transaction ends. */
export const lockMigrations: Sql = sql`SELECT pg_advisory_xact_lock(7210034402)`;

/** A migration that was applied to the database, and the number of the last lease that came after it. */
export interface AppliedStep {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  /** Decimal. */
  readonly fence: string;
}

/**
 * An `AppliedStep` for each migration that was applied, in any order. Where it decides whose turn it is, it is asked under
 * the lock, by a statement of its own, so that it sees what the last holder has done. It is as plain as can be, because the
 * connection is new, and all that the planner looks at has to be read from the catalogs first.
 */
export const readTurn: Sql = sql`SELECT version, name, checksum, fence FROM schema_version`;

/** The name of each of these steps of which a backfill has begun and is not through. */
export const unfinishedBackfills = (names: readonly string[]): Sql => sql`
  SELECT name FROM schema_backfill WHERE finished_at IS NULL AND name = ANY (${names}::text[]) ORDER BY name`;

/** Writes down the number of a lease before it does anything that no record of a step will tell of. */
export const noteLease = (fence: string): Sql => sql`
  UPDATE schema_version SET fence = ${fence}::bigint
   WHERE version = (SELECT max(version) FROM schema_version) AND fence < ${fence}::bigint`;

/**
 * Before the first step of all, which brings the tables for the above: waits for the same lock, and refuses (BX002) a
 * database that has a schema by then.
 */
export const beginFirstStep: Sql = sql`
  DO $$ BEGIN
    PERFORM pg_advisory_xact_lock(7210034402);
    -- Not by to_regclass: its cache may be older than the lock.
    IF EXISTS (SELECT FROM pg_class WHERE relname = 'schema_version' AND relnamespace = 'public'::regnamespace) THEN
      RAISE EXCEPTION 'the database has a schema already' USING ERRCODE = 'BX002';
    END IF;
  END $$`;

export const recordStep = (
  step: { version: number; name: string; phase: string; checksum: string },
  by: string,
  fence: string,
): Sql => sql`
  INSERT INTO schema_version (version, name, phase, checksum, applied_by, fence, started_at)
  VALUES (${step.version}, ${step.name}, ${step.phase}, ${step.checksum}, ${by}, ${fence}, transaction_timestamp())`;

/**
 * A statement of a migration. `:tenant_role` in it stands for the project's own role; where there is none, such a
 * statement does nothing.
 */
export function migrationStatement(text: string, tenantRole: string | undefined): Sql {
  if (!/:tenant_role\b/.test(text)) return compiledSql({ text, values: [] });
  if (tenantRole === undefined) return compiledSql({ text: 'SELECT', values: [] });
  const quoted = `"${tenantRole.replaceAll('"', '""')}"`;
  return compiledSql({ text: text.replaceAll(/:tenant_role\b/g, () => quoted), values: [] });
}

/**
 * How long whoever holds locks here may send nothing before PostgreSQL ends the connection: its process stands still, or
 * its machine is gone, and the project's requests wait for those locks.
 */
const longestSilence = '10s';

/** Of this transaction alone. Not by a SELECT of set_config, which costs a new connection ten times as much. */
export const limitTransaction = (lockTimeoutMs: number, statementTimeoutMs: number): Sql[] =>
  [
    `lock_timeout = ${Math.ceil(lockTimeoutMs)}`,
    `statement_timeout = ${Math.ceil(statementTimeoutMs)}`,
    `idle_in_transaction_session_timeout = '${longestSilence}'`,
  ].map((setting) => compiledSql({ text: `SET LOCAL ${setting}`, values: [] }));

/** Of the whole connection: for steps that run outside transactions. */
export const limitSession = (lockTimeoutMs: number, statementTimeoutMs: number): Sql => sql`
  SELECT set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, false),
         set_config('statement_timeout', ${`${statementTimeoutMs}ms`}, false)`;

export const hasVersionTable: Sql = sql`SELECT to_regclass('public.schema_version') IS NOT NULL AS present`;

export const appliedSteps: Sql = sql`SELECT version, name, checksum FROM schema_version ORDER BY version`;

export interface NamedIndex {
  readonly schema: string;
  readonly name: string;
}

/** A `NamedIndex` for the index of this name when a build that ended early has left it unfinished. */
export const unfinishedIndex = (name: string): Sql => sql`
  SELECT n.nspname AS schema, c.relname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relname = ${name} AND n.nspname = 'public' AND NOT i.indisvalid`;

/**
 * Every `NamedIndex` that a REINDEX CONCURRENTLY which ended early has left, those of TOAST tables included
 * (https://www.postgresql.org/docs/18/sql-reindex.html#SQL-REINDEX-CONCURRENTLY).
 */
export const unfinishedReindexes: Sql = sql`
  SELECT n.nspname AS schema, c.relname AS name
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
   WHERE c.relname ~ '_cc(new|old)[0-9]*$' AND n.nspname IN ('public', 'pg_toast') AND NOT i.indisvalid`;

export const dropIndex = ({ schema, name }: NamedIndex): Sql =>
  sql`DROP INDEX CONCURRENTLY IF EXISTS ${identifier(schema)}.${identifier(name)}`;

/** Of the connection, until it is given back, or the connection ends or sends nothing for too long. */
export const tryLockMigrations: Sql = sql`
  SELECT pg_try_advisory_lock(7210034402) AS locked, set_config('idle_session_timeout', ${longestSilence}, false),
         set_config('idle_in_transaction_session_timeout', ${longestSilence}, false)`;
export const unlockMigrations: Sql = sql`
  SELECT pg_advisory_unlock(7210034402), set_config('idle_session_timeout', '0', false),
         set_config('idle_in_transaction_session_timeout', '0', false)`;

/**
 * Makes the backfill's row when there is none, and locks it: only one batch runs at a time. No row when a later lease has
 * been here.
 */
export const beginBackfillBatch = (name: string, fence: string): Sql => sql`
  INSERT INTO schema_backfill AS b (name, fence)
  SELECT ${name}, ${fence}::bigint WHERE NOT EXISTS (SELECT FROM schema_version WHERE fence > ${fence}::bigint)
  ON CONFLICT (name) DO UPDATE SET fence = excluded.fence, updated_at = clock_timestamp() WHERE b.fence <= excluded.fence
  RETURNING watermark, finished_at IS NOT NULL AS finished`;

export const runBatch = (text: string, watermark: string | null, batchSize: number): Sql =>
  compiledSql({ text, values: [watermark, batchSize] });

export const recordBatch = (name: string, watermark: string | null, rows: number): Sql => sql`
  UPDATE schema_backfill
     SET watermark = ${watermark}::text, rows = rows + ${rows}::integer, batches = batches + 1, updated_at = clock_timestamp(),
         finished_at = CASE WHEN ${watermark}::text IS NULL THEN clock_timestamp() END
   WHERE name = ${name}`;
