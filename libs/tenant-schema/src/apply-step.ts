import type { Connection } from '#postgres';
import { failureOf, SchemaError } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import {
  beginFirstStep,
  dropIndex,
  type AppliedStep,
  limitSession,
  limitTransaction,
  lockMigrations,
  migrationStatement,
  type NamedIndex,
  noteLease,
  readTurn,
  recordStep,
  tryLockMigrations,
  unfinishedBackfills,
  unfinishedIndex,
  unfinishedReindexes,
  unlockMigrations,
} from './statements.sql.js';
import { assertContent, versionOf } from './verify-schema.js';

interface Applying {
  readonly steps: readonly SchemaStep[];
  readonly fence: string;
  readonly by: string;
  readonly tenantRole?: string;
  readonly lockTimeoutMs: number;
}

/**
 * Applies a step and its record in one transaction, in three round trips. Throws a SchemaError: what a statement failed
 * with, or `stale-fence`, `unexpected-schema`, `contract-too-early` or `checksum-mismatch`.
 */
export async function applyInTransaction(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  await connection.transaction(async (transaction) => {
    const isFirst = step.version === 1;
    const limits = Promise.all(
      limitTransaction(options.lockTimeoutMs, step.statementTimeoutMs).map((limit) => transaction.query(limit)),
    );
    const locked = transaction.query(isFirst ? beginFirstStep : lockMigrations);
    const turn = isFirst ? undefined : askTurn(transaction, step, options);
    const statements = step.statements.map((text) => transaction.query(migrationStatement(text, options.tenantRole)));
    const recorded = transaction.query(recordStep(step, options.by, options.fence));
    // They travel together: were it not this one's turn, all of it is rolled back. Of failures the first is the cause, those
    // behind it only say that the transaction has failed.
    const outcomes = await Promise.allSettled([limits, locked, turn, ...statements, recorded]);
    const found = await turn?.catch(() => undefined);
    if (found !== undefined) assertTurn(found, step, options);
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
    await transaction.query(recordStep(step, options.by, options.fence));
  });
}

/**
 * `IF NOT EXISTS` takes an index that was left unfinished for a finished one, and such a one costs every write and may
 * refuse some, so it is removed before the statement and after one that failed.
 */
async function runRepeatable(
  connection: Connection,
  text: string,
  { statementTimeoutMs }: SchemaStep,
  { lockTimeoutMs, tenantRole }: Applying,
): Promise<void> {
  await connection.query(limitSession(isConcurrent(text) ? 0 : lockTimeoutMs, statementTimeoutMs));
  await dropUnfinished(connection, text);
  try {
    await connection.query(migrationStatement(text, tenantRole));
  } catch (error) {
    await connection.query(limitSession(0, cleanUpTimeoutMs)).catch(() => undefined);
    // What cannot be removed now is removed by the next try. The first error is the one to tell.
    await dropUnfinished(connection, text).catch(() => undefined);
    throw error;
  }
}

/** Removing an index waits for transactions that are older, and the failure is not to be told much later for that. */
const cleanUpTimeoutMs = 30_000;

/** Removes what earlier runs of the statement have left unfinished. */
async function dropUnfinished(connection: Connection, text: string): Promise<void> {
  const index = concurrentIndex(text);
  const search =
    index === undefined ? (isConcurrentReindex(text) ? unfinishedReindexes : undefined) : unfinishedIndex(index);
  if (search === undefined) return;
  for (const left of await connection.query<NamedIndex>(search)) await connection.query(dropIndex(left));
}

/** Comments, of which a statement may have some in front. */
const withoutComments = (text: string): string => text.replaceAll(/--[^\n]*|\/\*[^]*?\*\//g, ' ').trim();

/** Whether the statement waits for others without making anybody wait for it. */
const isConcurrent = (text: string): boolean =>
  isConcurrentReindex(text) ||
  /^(CREATE\s+(UNIQUE\s+)?INDEX|DROP\s+INDEX)\s+CONCURRENTLY\b/i.test(withoutComments(text));

const isConcurrentReindex = (text: string): boolean =>
  /^REINDEX\s*(\([^)]*\bCONCURRENTLY\b[^)]*\)|(\([^)]*\)\s*)?(TABLE|INDEX)\s+CONCURRENTLY\b)/i.test(
    withoutComments(text),
  );

/** The name of the index that a `CREATE INDEX CONCURRENTLY` makes. */
function concurrentIndex(text: string): string | undefined {
  const name =
    /^CREATE\s+(?:UNIQUE\s+)?INDEX\s+CONCURRENTLY\s+(?:IF\s+NOT\s+EXISTS\s+)?("[^"]+"|[a-z_][a-z0-9_]*)\s+ON\b/i.exec(
      withoutComments(text),
    )?.[1];
  return name?.startsWith('"') === true ? name.slice(1, -1) : name?.toLowerCase();
}

async function assertOwnTurn(connection: Connection, step: SchemaStep, options: Applying): Promise<void> {
  const [, found] = await Promise.all([connection.query(noteLease(options.fence)), askTurn(connection, step, options)]);
  assertTurn(found, step, options);
}

/** What says whether it is a step's turn. */
interface Turn {
  readonly applied: readonly AppliedStep[];
  /** Backfills that the step, as one of phase contract, must wait for. */
  readonly unfinished: readonly { readonly name: string }[];
}

async function askTurn(
  connection: Pick<Connection, 'query'>,
  { phase, version }: SchemaStep,
  { steps }: Applying,
): Promise<Turn> {
  const names = steps.filter((earlier) => earlier.version < version).map(({ name }) => name);
  const [applied, unfinished] = await Promise.all([
    connection.query<AppliedStep>(readTurn),
    phase === 'contract' ? connection.query<{ name: string }>(unfinishedBackfills(names)) : [],
  ]);
  return { applied, unfinished };
}

/**
 * Throws unless it is this step's turn. Who plans has asked whether all backfills are through, of what the control database
 * was told; what the database itself knows of those that have begun is asked here as well, because a contract step takes
 * away what they read.
 */
function assertTurn({ applied, unfinished }: Turn, step: SchemaStep, { steps, fence }: Applying): void {
  const refuse = (code: string, message: string): never => {
    throw new SchemaError({ code, migration: step.name, message, isTransient: false });
  };
  if (applied.some((row) => BigInt(row.fence) > BigInt(fence))) refuse('stale-fence', 'a later lease has taken over');
  const version = versionOf(applied);
  if (version !== step.version - 1) refuse('unexpected-schema', `the schema is ${version}, not ${step.version - 1}`);
  assertContent(applied, steps, step.name);
  const names = unfinished.map(({ name }) => name).join(', ');
  if (names !== '')
    refuse('contract-too-early', `it takes away what backfills that are not through still need: ${names}`);
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
