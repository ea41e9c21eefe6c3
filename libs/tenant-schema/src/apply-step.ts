import type { Connection } from '#postgres';
import { failureOf, SchemaError } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import {
  beginFirstStep,
  dropIndex,
  invalidIndex,
  limitSession,
  limitTransaction,
  lockMigrations,
  migrationStatement,
  recordStep,
  type Standing,
  takeTurn,
  tryLockMigrations,
  unlockMigrations,
} from './statements.sql.js';

interface Applying {
  readonly steps: readonly SchemaStep[];
  readonly fence: string;
  readonly by: string;
  readonly tenantRole?: string;
  readonly lockTimeoutMs: number;
}

/**
 * Applies a step and its record in one transaction, in three round trips. Throws a SchemaError: what a statement failed
 * with, or `stale-fence`, `unexpected-schema` or `checksum-mismatch`.
 */
export async function applyInTransaction(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  await connection.transaction(async (transaction) => {
    const isFirst = step.version === 1;
    const limits = transaction.query(limitTransaction(options.lockTimeoutMs, step.statementTimeoutMs));
    const locked = transaction.query(isFirst ? beginFirstStep : lockMigrations);
    const turn = () => transaction.query<Standing>(takeTurn(options.fence, checksumsBefore(step, options)));
    const turnBefore = isFirst ? undefined : turn();
    const statements = step.statements.map((text) => transaction.query(migrationStatement(text, options.tenantRole)));
    // Only now is there a place for the fence of the first step.
    const turnAfter = isFirst ? turn() : undefined;
    const recorded = transaction.query(recordStep(step, options.by));
    // They travel together: were it not this one's turn, all of it is rolled back. Of failures the first is the cause, those
    // behind it only say that the transaction has failed.
    const outcomes = await Promise.allSettled([limits, locked, turnBefore, ...statements, turnAfter, recorded]);
    const [standing] = (await turnBefore?.catch(() => undefined)) ?? [];
    if (standing !== undefined) assertTurn(standing, step);
    outcomes.forEach((outcome, index) => {
      if (outcome.status === 'rejected') throw stepFailure(outcome.reason, step, index - 3);
    });
  });
}

/**
 * Applies statements that PostgreSQL refuses in a transaction, one by one under a lock of the connection. Each is safe to
 * run again, so that a run which ended half-way is simply repeated. Throws as `applyInTransaction` does, and a SchemaError
 * `busy` when another connection holds the lock: nobody may wait for it, because a concurrent build of an index waits for
 * every statement that is under way, and so for the one that waits.
 */
export async function applyOutside(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  await connection.query(limitSession(options.lockTimeoutMs, step.statementTimeoutMs));
  const [lock] = await connection.query<{ locked: boolean }>(tryLockMigrations);
  if (lock?.locked !== true) {
    const message = 'another connection is migrating this database';
    throw new SchemaError({ code: 'busy', migration: step.name, message, isTransient: true });
  }
  try {
    await runOutside(connection, step, options);
  } catch (error) {
    // A connection that was lost has given up the lock by itself; the first error is the one to tell.
    await connection.query(unlockMigrations).catch(() => undefined);
    throw error;
  }
  await connection.query(unlockMigrations);
}

async function runOutside(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  await assertOwnTurn(connection, step, options);
  for (const [index, text] of step.statements.entries()) {
    try {
      await runRepeatable(connection, text, step, options);
    } catch (error) {
      throw stepFailure(error, step, index);
    }
  }
  await connection.transaction(async (transaction) => {
    await assertOwnTurn(transaction, step, options);
    await transaction.query(recordStep(step, options.by));
  });
}

/** `IF NOT EXISTS` takes an index that was left unfinished for a finished one, so that one is removed first. */
async function runRepeatable(
  connection: Connection,
  text: string,
  { statementTimeoutMs }: SchemaStep,
  { lockTimeoutMs, tenantRole }: Applying,
): Promise<void> {
  const index = concurrentIndex(text);
  await connection.query(limitSession(isConcurrent(text) ? 0 : lockTimeoutMs, statementTimeoutMs));
  if (index !== undefined && (await connection.query(invalidIndex(index))).length > 0) {
    await connection.query(dropIndex(index));
  }
  await connection.query(migrationStatement(text, tenantRole));
}

/** Comments, of which a statement may have some in front. */
const withoutComments = (text: string): string => text.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ' ').trim();

/** Whether the statement waits for others without making anybody wait for it. */
const isConcurrent = (text: string): boolean =>
  /^(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX|REINDEX\s+(TABLE|INDEX))\s+CONCURRENTLY\b/i.test(withoutComments(text));

/** The name of the index that a `CREATE INDEX CONCURRENTLY` makes. */
function concurrentIndex(text: string): string | undefined {
  const name =
    /^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?("[^"]+"|[a-z_][a-z0-9_]*)\s+ON\b/i.exec(
      withoutComments(text),
    )?.[1];
  return name?.startsWith('"') === true ? name.slice(1, -1) : name?.toLowerCase();
}

/** The checksums of all steps before this one, oldest first. */
const checksumsBefore = ({ version }: SchemaStep, { steps }: Applying): string[] =>
  steps.slice(0, version - 1).map(({ checksum }) => checksum);

async function assertOwnTurn(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  const [standing] = await connection.query<Standing>(takeTurn(options.fence, checksumsBefore(step, options)));
  if (standing === undefined) throw new Error('The standing of a database is always a row.');
  assertTurn(standing, step);
}

function assertTurn({ isFenced, version, differs }: Standing, step: SchemaStep): void {
  const refuse = (code: string, message: string): never => {
    throw new SchemaError({ code, migration: step.name, message, isTransient: false });
  };
  if (!isFenced) refuse('stale-fence', 'a later lease has taken over');
  if (version !== step.version - 1) refuse('unexpected-schema', `the schema is ${version}, not ${step.version - 1}`);
  if (differs !== null) refuse('checksum-mismatch', `the migration ${differs} was applied with another content`);
}

function stepFailure(error: unknown, step: SchemaStep, index: number): SchemaError {
  if (error instanceof SchemaError) return error;
  const text = step.statements[index];
  const statement = text === undefined ? {} : { statement: { number: index + 1, text } };
  const failure = failureOf(error, { migration: step.name, ...statement });
  const code = failure.code === alreadyMigrated ? 'unexpected-schema' : failure.code;
  return new SchemaError({ ...failure, code }, { cause: error });
}

/** What `beginFirstStep` refuses with. */
const alreadyMigrated = 'BX002';
