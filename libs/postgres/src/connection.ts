import type { Sql } from './sql.js';

/** One database connection for the time it is lent. */
export interface Connection {
  /**
   * Runs one statement and gives its rows. `timestamptz`, `timestamp`, `date`, `int8`, `xid8`, `numeric`, `uuid[]` and
   * every type not named here come as PostgreSQL's text; `int2`, `int4`, `oid` and floats as numbers, `bool`, `bytea`,
   * `json` and `jsonb`, `text[]` and `int4[]` as the JavaScript values they are. Statements that are started without
   * waiting for one another run in order, on one round trip. Rejects with PostgreSQL's error (see `sqlState`).
   */
  query<Row extends object = Record<string, unknown>>(statement: Sql): Promise<Row[]>;

  /**
   * Runs `work` in a transaction: commits when it resolves, rolls back and passes the error on when it rejects. The
   * connection given to `work` ends with it. Transactions do not nest.
   */
  transaction<T>(work: (connection: Connection) => Promise<T>, options?: TransactionOptions): Promise<T>;
}

export interface TransactionOptions {
  /** By default PostgreSQL's own READ COMMITTED. */
  isolation?: 'repeatable read' | 'serializable';
  readOnly?: boolean;
}

/** How a connection is protected: `require` encrypts it, `verify-full` checks the server's certificate and name too. */
export interface TlsSettings {
  readonly mode: 'require' | 'verify-full';
  /** PEM of the certificates that the server's own must go back to; without it those that Node trusts. */
  readonly ca?: string;
}

/** What holds for every statement of a connection from its beginning on, so that no statement need say so first. */
export interface ConnectionLimits {
  /** How long a statement may wait for a lock; without it as long as it takes. */
  readonly lockTimeoutMs?: number;
  /** How long its owner may send nothing in a transaction before the server ends the connection; without it for ever. */
  readonly idleInTransactionMs?: number;
}

/** A tenant database, and as whom to connect. Connections are kept per `key`. */
export interface DatabaseTarget {
  /** `<projectId>:<generation>`: another placement of the project is another target. */
  key: string;
  /** The server whose connections are counted together. */
  clusterId: string;
  host: string;
  port: number;
  /** Absent: the connection is not encrypted. */
  tls?: TlsSettings;
  database: string;
  user: string;
  password: string;
}
