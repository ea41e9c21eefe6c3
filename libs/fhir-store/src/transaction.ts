import { conflict, tooCostly, unavailable, type OutcomeError } from '#fhir';
import { compiledSql, isSerializationFailure, sqlState, type Connection } from '#postgres';
import { StaleRights, type Caller } from './caller.js';
import type { TenantDatabase } from './tenant-database.js';

/** A connection to work on, and the epoch that must hold for everything that is done on it. */
export interface Scope {
  readonly connection: Connection;
  readonly epoch: string | undefined;
  /** Whether it is a transaction that changes rights: it holds the lock alone, and the epoch is its own. */
  readonly changesRights?: boolean;
}

/**
 * A write turns out to need what only a change of rights has: that nobody who has read what it changes writes after it.
 * `inTransaction` begins again as a change of rights.
 */
export class RightsChangeNeeded extends Error {
  override readonly name = 'RightsChangeNeeded';

  constructor() {
    super('The write must be made in a transaction that changes rights.');
  }
}

/** An interactive transaction holds the write lock, so that changes of rights wait for it: it must be short. */
const maxTransactionMs = 10_000;
const maxLockWaitMs = 5_000;

/** What a transaction that reaches its limit is answered. */
const transactionTooLong = `A transaction may take ${maxTransactionMs / 1000} seconds at most`;

/** Begins the time that a transaction may take; what is returned throws `too-costly` when it is over. */
export function transactionTime(): () => void {
  const deadline = performance.now() + maxTransactionMs;
  return () => {
    if (performance.now() > deadline) throw tooCostly(transactionTooLong);
  };
}

const lockNotAvailable = '55P03';
const queryCancelled = '57014';
const idleInTransactionTimeout = '25P03';

const limits = `set_config('statement_timeout', '${maxTransactionMs}', true),
  set_config('idle_in_transaction_session_timeout', '${maxTransactionMs}', true),
  set_config('lock_timeout', '${maxLockWaitMs}', true)`;
const beginWriteText = `SELECT ${limits}, begin_write() AS epoch`;
const beginRightsChangeText = `SELECT ${limits}, begin_rights_change() AS epoch`;

/**
 * Runs `work` in a transaction that holds the write lock from its first statement on, so that the rights checked at its
 * start hold until its commit. With `changesRights` it holds the lock alone and has raised the epoch: once the
 * transaction has committed, nothing is written or answered under the old rights any more. When `work` throws
 * RightsChangeNeeded, what it did is rolled back and it is called once more in such a transaction.
 *
 * Throws StaleRights, before `work` is called, when the epoch is not the caller's; OutcomeError `conflict` when it met
 * another transaction, `unavailable` when a lock was not free in time, `too-costly` when a statement ran out of time.
 */
export async function inTransaction<T>(
  tenant: TenantDatabase,
  caller: Pick<Caller, 'epoch'>,
  changesRights: boolean,
  work: (scope: Scope) => Promise<T>,
): Promise<T> {
  try {
    return await inOneTransaction(tenant, caller, changesRights, work);
  } catch (error) {
    if (changesRights || !(error instanceof RightsChangeNeeded)) throw error;
    return inOneTransaction(tenant, caller, true, work);
  }
}

function inOneTransaction<T>(
  tenant: TenantDatabase,
  caller: Pick<Caller, 'epoch'>,
  changesRights: boolean,
  work: (scope: Scope) => Promise<T>,
): Promise<T> {
  return withKnownErrors(() =>
    tenant.use((connection) =>
      connection.transaction(async (transaction) => {
        const [row] = await transaction.query<{ epoch: string }>(
          compiledSql(
            changesRights
              ? { name: 'store_begin_rights_change', text: beginRightsChangeText, values: [] }
              : { name: 'store_begin_write', text: beginWriteText, values: [] },
          ),
        );
        if (row === undefined) throw new Error('The tenant database has no security epoch.');
        const before = changesRights ? String(BigInt(row.epoch) - 1n) : row.epoch;
        if (caller.epoch !== undefined && caller.epoch !== before) throw new StaleRights(before);
        return work({ connection: transaction, epoch: row.epoch, changesRights });
      }),
    ),
  );
}

/** Turns what PostgreSQL says about time and concurrency into outcomes; every other error passes as it is. */
export async function withKnownErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const known = knownError(error);
    if (known === undefined) throw error;
    known.cause = error;
    throw known;
  }
}

/** By SQLSTATE (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
function knownError(error: unknown): OutcomeError | undefined {
  if (isSerializationFailure(error)) return conflict('Another request changed the same resources; try again');
  const state = sqlState(error);
  if (state === lockNotAvailable) return unavailable('A lock was not free in time; try again');
  if (state === queryCancelled) return tooCostly('The request took longer than the server allows');
  if (state === idleInTransactionTimeout) return tooCostly(transactionTooLong);
  return undefined;
}
