import type { Connection } from '#postgres';
import { applyInTransaction, applyOutside } from './apply-step.js';
import { failureOf, SchemaError, type SchemaFailure } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import { appliedSteps, hasVersionTable } from './statements.sql.js';
import { verifySchema } from './verify-schema.js';

export interface SchemaMigrationOptions {
  /** Every step of this release, oldest first. */
  readonly steps: readonly SchemaStep[];
  /** The schema to bring the database to; a database that is further stays as it is. */
  readonly target: number;
  /**
   * The schema that the database is thought to have; without it the database is asked first. When it has a later one, that
   * costs a round trip and nothing else. One that has an older one is left as it is: whether the steps that it lacks may
   * run has been asked of another schema.
   */
  readonly expected?: number;
  /** The number of the lease under which this is done (decimal); once a higher one was seen, lower ones are refused. */
  readonly fence: string;
  /** Who does it, for the record: a rollout's id. */
  readonly by: string;
  /** The project's own role, which statements name as `:tenant_role`. A template has none: it goes without these. */
  readonly tenantRole?: string;
  /**
   * How long a statement may wait for a lock that the project's own traffic holds; others queue behind it meanwhile.
   * Concurrent builds of indexes wait without blocking anybody, so only the statement's own limit counts for them.
   */
  readonly lockTimeoutMs: number;
}

export interface SchemaChange {
  readonly from: number;
  /** Below the target only when the database was behind what was expected. */
  readonly to: number;
  /** What was applied just now, oldest first; none when the database was there already. */
  readonly applied: readonly { readonly step: SchemaStep; readonly durationMs: number }[];
}

/**
 * Brings one tenant database to the target, a step at a time: each runs once however often this is called, by however many
 * at a time, because the database itself records the step in the step's own transaction and refuses a second one. The
 * connection must be the database owner's and serve nothing else.
 *
 * Throws a SchemaError that names the step and the statement; steps before it stay applied (`reached`), a transactional
 * step that failed left nothing. `stale-fence`: somebody else has taken over. `checksum-mismatch`: a step that was applied is not
 * the one that this release has. `busy`: another connection runs a step that is not transactional. `contract-too-early`: a
 * backfill of an earlier step has begun here and is not through. Whether a contract step may run already is otherwise not
 * judged here, but by who plans.
 */
export async function migrateSchema(connection: Connection, options: SchemaMigrationOptions): Promise<SchemaChange> {
  const applied: { step: SchemaStep; durationMs: number }[] = [];
  let at = options.expected ?? (await schemaVersion(connection));
  let from = at;
  for (;;) {
    const step = options.steps[at];
    if (step === undefined || at >= options.target) return { from, to: at, applied };
    const started = performance.now();
    try {
      await (step.transactional ? applyInTransaction : applyOutside)(connection, step, options);
    } catch (error) {
      const failure = failureBy(error, step);
      const failed = () => new SchemaError(failure, { cause: error, reached: at });
      if (failure.code !== 'unexpected-schema') throw failed();
      // Another lease was faster, or died after its commit and before it could tell anybody; by another release, maybe.
      const found = await verifySchema(connection, options.steps);
      if (found === at) throw failed();
      if (found < at) return { from: found, to: found, applied: [] };
      at = found;
      if (applied.length === 0) from = found;
      continue;
    }
    applied.push({ step, durationMs: performance.now() - started });
    at = step.version;
  }
}

/** The schema that the database has, 0 for an empty one, read in the database itself. */
export async function schemaVersion(connection: Connection): Promise<number> {
  return (await appliedSchema(connection)).at(-1)?.version ?? 0;
}

/** What was applied to the database, oldest first. */
export async function appliedSchema(
  connection: Connection,
): Promise<{ version: number; name: string; checksum: string }[]> {
  const [table] = await connection.query<{ present: boolean }>(hasVersionTable);
  return table?.present === true ? connection.query(appliedSteps) : [];
}

/** A failure outside any statement is the connection's. */
const failureBy = (error: unknown, { name }: SchemaStep): SchemaFailure =>
  error instanceof SchemaError ? error.failure : failureOf(error, { migration: name });
