import type { Connection, ConnectionLimits, DatabaseTarget, TransactionOptions } from './connection.js';
import { Lease } from './lease.js';
import { Session } from './session.js';
import type { Sql } from './sql.js';

/** A connection that its opener keeps and must close. */
export interface OwnedConnection extends Connection {
  /** Whether statements can be sent; false once the server has ended it. */
  readonly isOpen: boolean;
  close(): Promise<void>;
}

/**
 * Opens one direct connection outside any broker, for administration and for work that is not a request. Rejects with
 * the network's or PostgreSQL's error, after 5 s at the latest.
 */
export async function connectOnce(
  target: string | Omit<DatabaseTarget, 'key' | 'clusterId'>,
  limits?: ConnectionLimits,
): Promise<OwnedConnection> {
  return new DirectConnection(await Session.open(target, limits));
}

class DirectConnection implements OwnedConnection {
  private readonly lease: Lease;

  constructor(private readonly session: Session) {
    this.lease = new Lease(session);
  }

  query<Row extends object = Record<string, unknown>>(statement: Sql): Promise<Row[]> {
    return this.lease.query<Row>(statement);
  }

  transaction<T>(work: (connection: Connection) => Promise<T>, options?: TransactionOptions): Promise<T> {
    return this.lease.transaction(work, options);
  }

  get isOpen(): boolean {
    return !this.session.broken;
  }

  async close(): Promise<void> {
    this.lease.end();
    await this.session.close();
  }
}
