import type { Connection, TransactionOptions } from './connection.js';
import type { OpenSession } from './session.js';
import { compiledSql, sql, type Sql } from './sql.js';

/**
 * What a caller holds of a session. It is taken away when the caller's time is over, so that a forgotten reference
 * can never send a statement into somebody else's work.
 */
export class Lease implements Connection {
  private session: OpenSession | undefined;
  private inTransaction: boolean;

  constructor(session: OpenSession, inTransaction = false) {
    this.session = session;
    this.inTransaction = inTransaction;
  }

  query<Row extends object = Record<string, unknown>>(statement: Sql): Promise<Row[]> {
    const { session } = this;
    return session === undefined ? Promise.reject(givenBack()) : session.rows<Row>(statement);
  }

  async transaction<T>(work: (connection: Connection) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const { session } = this;
    if (session === undefined) throw givenBack();
    if (this.inTransaction) throw new Error('A transaction is already open on this connection.');
    this.inTransaction = true;
    try {
      return await runTransaction(session, work, options);
    } finally {
      this.inTransaction = false;
    }
  }

  end(): void {
    this.session = undefined;
  }
}

/** What one of several callers holds of a session that they share: single statements, no transactions. */
export class SharedLease implements Connection {
  private session: OpenSession | undefined;

  constructor(session: OpenSession) {
    this.session = session;
  }

  query<Row extends object = Record<string, unknown>>(statement: Sql): Promise<Row[]> {
    const { session } = this;
    return session === undefined ? Promise.reject(givenBack()) : session.rows<Row>(statement, true);
  }

  transaction<T>(): Promise<T> {
    return Promise.reject(new Error('A shared connection carries single statements only.'));
  }

  end(): void {
    this.session = undefined;
  }
}

function givenBack(): Error {
  return new Error('This connection was given back; it cannot run statements any more.');
}

const commit = sql`COMMIT`;
const rollback = sql`ROLLBACK`;

async function runTransaction<T>(
  session: OpenSession,
  work: (connection: Connection) => Promise<T>,
  options: TransactionOptions,
): Promise<T> {
  await session.command(begin(options));
  const lease = new Lease(session, true);
  let result: T;
  try {
    result = await work(lease);
  } catch (error) {
    lease.end();
    await rollBack(session);
    throw error;
  }
  lease.end();
  // PostgreSQL answers COMMIT with ROLLBACK when a statement had failed, even if the work went on without it.
  const command = await session.command(commit);
  if (command !== 'COMMIT') throw new Error('The transaction was rolled back: one of its statements had failed.');
  return result;
}

/** The work's own error is the one to report. A connection that cannot roll back is not used again. */
async function rollBack(session: OpenSession): Promise<void> {
  try {
    await session.command(rollback);
  } catch {
    session.broken = true;
  }
}

function begin({ isolation, readOnly }: TransactionOptions): Sql {
  const mode = isolation === undefined ? '' : ` ISOLATION LEVEL ${isolation.toUpperCase()}`;
  return compiledSql({ text: `BEGIN${mode}${readOnly === true ? ' READ ONLY' : ''}`, values: [] });
}
