import { compiledSql, identifier, type Sql, sql } from '#postgres';

/**
 * Asks the function `begin_schema_step` of the tenant database whose turn it is. It waits for the lock of migrations and
 * refuses a fence older than the last (BX001), a schema other than the expected (BX002), and steps that were applied with
 * another content than these checksums say (BX003).
 */
export const beginStep = (fence: string, expectedVersion: number, checksums: readonly string[]): Sql =>
  sql`SELECT begin_schema_step(${fence}::bigint, ${expectedVersion}::integer, ${checksums}::text[])`;

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

export const lockMigrations: Sql = sql`SELECT pg_advisory_lock(${'7210034402'}::bigint)`;

export const unfinishedBackfills: Sql = sql`SELECT name FROM schema_backfill WHERE finished_at IS NULL`;

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
