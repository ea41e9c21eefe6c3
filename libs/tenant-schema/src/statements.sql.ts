import { compiledSql, identifier, type Sql, sql } from '#postgres';

/** Waits for whoever migrates this database, and keeps others away until the transaction ends. */
export const lockMigrations: Sql = sql`SELECT pg_advisory_xact_lock(7210034402)`;

/** How the database stands for the holder of a lease, by which it is decided whose turn it is. */
export interface Standing {
  /** Whether no later lease has been here; then this one's number is written down. */
  readonly isFenced: boolean;
  readonly version: number;
  /** The oldest migration that was applied with another content than these checksums say. */
  readonly differs: string | null;
}

/** One row, a `Standing`. Asked under the lock, by a statement of its own, so that it sees what the last holder has done. */
export const takeTurn = (fence: string, checksums: readonly string[]): Sql => sql`
  WITH fenced AS (
    UPDATE schema_fence SET fence = ${fence}::bigint WHERE fence <= ${fence}::bigint RETURNING 1
  )
  SELECT EXISTS (SELECT FROM fenced) AS "isFenced",
         (SELECT coalesce(max(version), 0) FROM schema_version) AS version,
         (SELECT name FROM schema_version WHERE checksum IS DISTINCT FROM (${checksums}::text[])[version]
           ORDER BY version LIMIT 1) AS differs`;

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
): Sql => sql`
  INSERT INTO schema_version (version, name, phase, checksum, applied_by, started_at)
  VALUES (${step.version}, ${step.name}, ${step.phase}, ${step.checksum}, ${by}, transaction_timestamp())`;

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

/** Of this transaction alone. */
export const limitTransaction = (lockTimeoutMs: number, statementTimeoutMs: number): Sql => sql`
  SELECT set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, true),
         set_config('statement_timeout', ${`${statementTimeoutMs}ms`}, true)`;

/** Of the whole connection: for steps that run outside transactions. */
export const limitSession = (lockTimeoutMs: number, statementTimeoutMs: number): Sql => sql`
  SELECT set_config('lock_timeout', ${`${lockTimeoutMs}ms`}, false),
         set_config('statement_timeout', ${`${statementTimeoutMs}ms`}, false)`;

export const hasVersionTable: Sql = sql`SELECT to_regclass('public.schema_version') IS NOT NULL AS present`;

export const appliedSteps: Sql = sql`SELECT version, name, checksum FROM schema_version ORDER BY version`;

/** An index of this name that was left unfinished by a build that ended early. */
export const invalidIndex = (name: string): Sql => sql`
  SELECT 1 FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
   WHERE c.relname = ${name} AND c.relnamespace = 'public'::regnamespace AND NOT i.indisvalid`;

export const dropIndex = (name: string): Sql => sql`DROP INDEX CONCURRENTLY IF EXISTS ${identifier(name)}`;

/** Of the connection, until it is given back or the connection ends. */
export const tryLockMigrations: Sql = sql`SELECT pg_try_advisory_lock(7210034402) AS locked`;
export const unlockMigrations: Sql = sql`SELECT pg_advisory_unlock(7210034402)`;

/** Makes the backfill's row when there is none, and locks it: only one batch runs at a time, of the latest lease. */
export const beginBackfillBatch = (name: string, fence: string): Sql => sql`
  WITH fenced AS (
    UPDATE schema_fence SET fence = ${fence}::bigint WHERE fence <= ${fence}::bigint RETURNING true AS fenced
  ), begun AS (
    INSERT INTO schema_backfill AS b (name) SELECT ${name} FROM fenced
    ON CONFLICT (name) DO UPDATE SET updated_at = clock_timestamp()
    RETURNING b.watermark, b.finished_at IS NOT NULL AS finished
  )
  SELECT true AS fenced, watermark, finished FROM begun`;

export const runBatch = (text: string, watermark: string | null, batchSize: number): Sql =>
  compiledSql({ text, values: [watermark, batchSize] });

export const recordBatch = (name: string, watermark: string | null, rows: number): Sql => sql`
  UPDATE schema_backfill
     SET watermark = ${watermark}::text, rows = rows + ${rows}::integer, batches = batches + 1, updated_at = clock_timestamp(),
         finished_at = CASE WHEN ${watermark}::text IS NULL THEN clock_timestamp() END
   WHERE name = ${name}`;
