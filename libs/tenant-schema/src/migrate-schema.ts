import type { Connection, Sql } from '#postgres';
import { sqlState } from '#postgres';
import { failureOf, SchemaError } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import {
  appliedSteps,
  beginStep,
  dropIndex,
  hasVersionTable,
  invalidIndex,
  limitSession,
  limitTransaction,
  lockMigrations,
  migrationStatement,
  recordStep,
} from './statements.sql.js';

export interface SchemaMigrationOptions {
  /** Every step of this release, oldest first. */
  readonly steps: readonly SchemaStep[];
  /** The schema to bring the database to; a database that is further stays as it is. */
  readonly target: number;
  /** The schema that the database is thought to have. When it has another one, that costs a round trip and nothing else. */
  readonly expected?: number;
  /** The number of the lease under which this is done (decimal); once a higher one was seen, lower ones are refused. */
  readonly fence: string;
  /** Who does it, for the record: a rollout's id. */
  readonly by: string;
  /** The project's own role, which statements name as `:tenant_role`. A template has none: it goes without these. */
  readonly tenantRole?: string;
  /** How long a statement may wait for a lock that the project's own traffic holds; others queue behind it meanwhile. */
  readonly lockTimeoutMs: number;
}

export interface SchemaChange {
  readonly from: number;
  readonly to: number;
  /** What was applied just now, oldest first; none when the database was there already. */
  readonly applied: readonly { readonly step: SchemaStep; readonly durationMs: number }[];
}

/**
 * Brings one tenant database to the target, a step at a time: each runs once however often this is called, by however many
 * at a time, because the database itself records the step in the step's own transaction and refuses a second one. The
 * connection must be the database owner's and serve nothing else.
 *
 * Throws a SchemaError that names the step and the statement; steps before it stay applied, a transactional step that
 * failed left nothing. `stale-fence`: somebody else has taken over. `checksum-mismatch`: a step that was applied is not
 * the one that this release has. `contract-too-early` is not judged here, but by who plans.
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
      if (sqlState(error) !== 'BX002' || applied.length > 0) throw refusalOf(error);
      // Another lease was faster, or died after its commit and before it could tell anybody.
      at = await schemaVersion(connection);
      from = at;
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

async function applyInTransaction(
  connection: Connection,
  step: SchemaStep,
  options: SchemaMigrationOptions,
): Promise<void> {
  await connection.transaction(async (transaction) => {
    const sent = [
      transaction.query(limitTransaction(options.lockTimeoutMs, step.statementTimeoutMs)),
      ...(step.version === 1 ? [] : [transaction.query(begin(step, options))]),
    ];
    const statements = step.statements.map((text) => transaction.query(migrationStatement(text, options.tenantRole)));
    const record = transaction.query(recordStep(step, options.by));
    // They travel together. The first that fails is the cause; those behind it only say that the transaction has failed.
    const outcomes = await Promise.allSettled([...sent, ...statements, record]);
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'rejected') throw stepFailure(outcome.reason, step, index - sent.length);
    });
  });
}

/**
 * Statements that PostgreSQL refuses in a transaction run one by one under a lock of the connection. Each is safe to run
 * again, so that a run which ended half-way is simply repeated.
 */
async function applyOutside(connection: Connection, step: SchemaStep, options: SchemaMigrationOptions): Promise<void> {
  await connection.query(limitSession(options.lockTimeoutMs, step.statementTimeoutMs));
  await connection.query(lockMigrations);
  await connection.transaction((transaction) => transaction.query(begin(step, options)));
  for (const [index, text] of step.statements.entries()) {
    try {
      await runOutside(connection, text, options.tenantRole);
    } catch (error) {
      throw stepFailure(error, step, index);
    }
  }
  await connection.transaction(async (transaction) => {
    await transaction.query(begin(step, options));
    await transaction.query(recordStep(step, options.by));
  });
}

/** `IF NOT EXISTS` takes an index that was left unfinished for a finished one, so that one is removed first. */
async function runOutside(connection: Connection, text: string, tenantRole?: string): Promise<void> {
  const index = concurrentIndex(text);
  if (index !== undefined && (await connection.query(invalidIndex(index))).length > 0) {
    await connection.query(dropIndex(index));
  }
  await connection.query(migrationStatement(text, tenantRole));
}

/** The name of the index that a `CREATE INDEX CONCURRENTLY` makes. */
export function concurrentIndex(text: string): string | undefined {
  return /^\s*CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([a-z_][a-z0-9_]*)"?\s+ON\b/i.exec(
    text,
  )?.[1];
}

const begin = (step: SchemaStep, { fence, steps }: SchemaMigrationOptions): Sql =>
  beginStep(
    fence,
    step.version - 1,
    steps.slice(0, step.version - 1).map(({ checksum }) => checksum),
  );

function stepFailure(error: unknown, step: SchemaStep, index: number): unknown {
  if (isRefusal(error)) return error;
  const text = step.statements[index];
  const statement = text === undefined ? {} : { statement: { number: index + 1, text } };
  return new SchemaError(failureOf(error, { migration: step.name, ...statement }), { cause: error });
}

/** What `begin_schema_step` says no with. */
const refusals: Record<string, string> = {
  BX001: 'stale-fence',
  BX002: 'unexpected-schema',
  BX003: 'checksum-mismatch',
};

const isRefusal = (error: unknown): boolean => Object.hasOwn(refusals, sqlState(error) ?? '');

function refusalOf(error: unknown): unknown {
  if (error instanceof SchemaError) return error;
  const failure = failureOf(error);
  return new SchemaError({ ...failure, code: refusals[failure.code] ?? failure.code }, { cause: error });
}
