import type { MigrationInterface } from 'typeorm';

/**
 * One step of the schema of tenant databases. `up` may only call `runner.query(text)`, one statement per call and
 * without parameters: the statements are recorded once and then sent to every database of the fleet, so none can depend
 * on what another one answers. What depends on data is a `backfill`.
 *
 * The project's own role is written `:tenant_role`, as in `GRANT SELECT ON slot TO :tenant_role`; the same grant goes
 * into grants.ts for databases that are yet to be made.
 */
export interface TenantMigration extends MigrationInterface {
  /** The class name with its timestamp. Recorded in every database, so never changed. */
  readonly name: string;
  /**
   * `expand` adds: the release before this one works with it. `contract` takes away what no release in use needs any
   * more; it runs only when every project has the schema before it, backfills included.
   */
  readonly phase: 'expand' | 'contract';
  /** False for statements that PostgreSQL refuses in a transaction. Each must then be safe to run again. */
  readonly transaction?: boolean;
  /** What a single statement may take, in ms; 60,000 unless told. */
  readonly statementTimeoutMs?: number;
  /**
   * For a migration that was released and cannot be applied everywhere as it was: the checksums (in `released`) of what it
   * was before. Databases that have one of those keep it; the others get this one, which must leave the same schema.
   */
  readonly supersedes?: readonly string[];
  /** Fills in what the statements made room for, afterwards and while the project is in use. */
  readonly backfill?: TenantBackfill;
}

/** Work on rows in batches, each in a transaction of its own. */
export interface TenantBackfill {
  /**
   * One statement that does one batch and gives one row: `watermark` (text; where the next batch begins; NULL when
   * nothing is left) and `rows` (integer; how many were worked on). `$1` is the watermark (text; NULL at first), `$2`
   * the size of a batch (integer).
   */
  readonly batch: string;
  readonly batchSize: number;
  /** How long to leave the database alone between two batches, in ms. */
  readonly pauseMs: number;
}
