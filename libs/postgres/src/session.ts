import pg from 'pg';
import type { ConnectionLimits, DatabaseTarget, TlsSettings } from './connection.js';
import { DescribedQuery, type Preparations } from './described-query.js';
import { sqlState } from './errors.js';
import type { Sql } from './sql.js';
import { typeParsers } from './type-parsers.js';

const dialTimeoutMs = 5_000;
const goodbyeTimeoutMs = 2_000;
/** Each prepared statement costs some 15 KiB in the backend; the hot ones are far fewer than this. */
const maxPreparedStatements = 64;

/**
 * PostgreSQL's errors after which a connection is of no use, though its socket may still look open: a prepared statement
 * of it will never work again (0A000, 26000), or the server is ending it.
 */
const lastErrorStates = /^(0A000|26000|08...|25P03|25P04|57P01|57P02|57P03|57P05)$/;

/** The parts of pg's client that its type declarations leave out. */
interface ClientInternals {
  connection: { parsedStatements: Record<string, string>; stream: { destroy(): void; cork(): void; uncork(): void } };
}

/** What the broker and a lease use of a session; a spec of theirs may put another one in its place. */
export type OpenSession = Pick<
  Session,
  'pending' | 'broken' | 'onLost' | 'isQuiet' | 'whenDrained' | 'close' | 'rows' | 'command'
>;

/** What pg hands to Node's TLS; the host's name is added by pg. A server that does not speak TLS is refused then. */
function tlsOptions(tls: TlsSettings | undefined): pg.ClientConfig['ssl'] {
  if (tls === undefined) return false;
  if (tls.mode === 'require') return { rejectUnauthorized: false };
  return { rejectUnauthorized: true, ...(tls.ca === undefined ? {} : { ca: tls.ca }) };
}

/** As it stands in a connection's options; nothing when there is none. */
const setting = (name: string, ms: number | undefined): string =>
  ms === undefined ? '' : ` -c ${name}=${Math.ceil(ms)}`;

/** One physical connection: a pg.Client and what we keep about it. */
export class Session {
  /** Statements sent and not answered yet. */
  pending = 0;
  /** The connection cannot be used any more, or must not be used by another caller. */
  broken = false;
  /** Called once, when the connection ends without `close()`. */
  onLost: ((cause: Error) => void) | undefined;

  private gathering = false;
  private readonly preparedNames = new Set<string>();
  private readonly preparations: Preparations = new Map();
  private onDrained: (() => void) | undefined;
  private closing: Promise<void> | undefined;

  private constructor(readonly client: pg.Client) {
    client.on('error', (cause) => this.lose(cause));
    client.on('end', () => this.lose(new Error('The connection to PostgreSQL ended.')));
  }

  /** Opens a connection. Rejects with the network's or PostgreSQL's error, after 5 s at the latest. */
  static async open(
    target: string | Omit<DatabaseTarget, 'key' | 'clusterId'>,
    { lockTimeoutMs, idleInTransactionMs }: ConnectionLimits = {},
  ): Promise<Session> {
    const limits =
      setting('lock_timeout', lockTimeoutMs) + setting('idle_in_transaction_session_timeout', idleInTransactionMs);
    const client = new pg.Client({
      ...(typeof target === 'string'
        ? { connectionString: target }
        : {
            host: target.host,
            port: target.port,
            database: target.database,
            user: target.user,
            password: target.password,
            ssl: tlsOptions(target.tls),
          }),
      application_name: 'boxyard',
      // Times come as text, so their form must not depend on the server's or role's settings.
      options: `-c timezone=UTC -c datestyle=ISO${limits}`,
      connectionTimeoutMillis: dialTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 30_000,
      pipeline: true,
      types: typeParsers,
    });
    const session = new Session(client);
    try {
      await client.connect();
    } catch (error) {
      // After a failed handshake pg leaves the socket to the server, which may never close it.
      session.internals.connection.stream.destroy();
      throw error;
    }
    return session;
  }

  /** Runs a statement and gives its rows; `together` lets it travel with others of this turn of the event loop. */
  rows<Row extends object>(statement: Sql, together = false): Promise<Row[]> {
    if (together) this.gather();
    return new Promise((resolve, reject) => this.send<Row>(statement, (result) => resolve(result.rows), reject));
  }

  /** Runs a statement and gives the first word of PostgreSQL's command tag. */
  command(statement: Sql): Promise<string> {
    return new Promise((resolve, reject) => this.send(statement, (result) => resolve(result.command), reject));
  }

  /** Holds back what is written until this turn of the event loop ends, so that it leaves in one packet. */
  private gather(): void {
    if (this.gathering) return;
    this.gathering = true;
    const { stream } = this.internals.connection;
    stream.cork();
    setImmediate(() => {
      this.gathering = false;
      stream.uncork();
    });
  }

  private send<Row extends object>(
    statement: Sql,
    succeed: (result: pg.QueryResult<Row>) => void,
    fail: (error: Error) => void,
  ): void {
    this.pending++;
    // Given a configuration object, pg would copy it property by property, which costs more than the rest of the call.
    const query = new DescribedQuery<Row>(statement.text, statement.values, this.preparations, (error, result) => {
      this.pending--;
      if (error === null) succeed(result);
      else {
        if (lastErrorStates.test(sqlState(error) ?? '')) this.broken = true;
        fail(error);
      }
      if (this.pending === 0 && this.onDrained !== undefined) this.onDrained();
    });
    if (statement.name !== undefined) {
      this.keepPrepared(statement.name);
      query.name = statement.name;
    }
    this.client.query(query);
  }

  /** Whether the server is outside any transaction and has answered everything. */
  get isQuiet(): boolean {
    return this.pending === 0 && this.client.getTransactionStatus() === 'I';
  }

  /** Calls back when everything that was sent is answered. */
  whenDrained(then: () => void): void {
    this.onDrained = () => {
      this.onDrained = undefined;
      then();
    };
    if (this.pending === 0) this.onDrained();
  }

  /** Says goodbye and resolves when the server has closed its side, so that its slot there is free again. */
  close(): Promise<void> {
    this.closing ??= this.sayGoodbye();
    return this.closing;
  }

  private async sayGoodbye(): Promise<void> {
    this.broken = true;
    this.onLost = undefined;
    const timer = setTimeout(() => this.internals.connection.stream.destroy(), goodbyeTimeoutMs);
    await this.client.end();
    clearTimeout(timer);
  }

  private lose(cause: Error): void {
    this.broken = true;
    const { onLost } = this;
    this.onLost = undefined;
    onLost?.(cause);
  }

  /** Keeps the names in the order of their last use; the one used longest ago gives way to a new one. */
  private keepPrepared(name: string): void {
    if (!this.preparedNames.delete(name) && this.preparedNames.size >= maxPreparedStatements) {
      const [oldest] = this.preparedNames;
      if (oldest !== undefined) this.deallocate(oldest);
    }
    this.preparedNames.add(name);
  }

  private deallocate(name: string): void {
    this.preparedNames.delete(name);
    this.preparations.delete(name);
    // A statement whose preparation failed is unknown to the server, and so to pg.
    if (this.internals.connection.parsedStatements[name] === undefined) return;
    delete this.internals.connection.parsedStatements[name];
    this.pending++;
    this.client.query(`DEALLOCATE ${pg.escapeIdentifier(name)}`, (error: Error | null) => {
      this.pending--;
      // It fails in a transaction that has failed already; then the two sides no longer agree on what is prepared.
      if (error !== null) this.broken = true;
      if (this.pending === 0 && this.onDrained !== undefined) this.onDrained();
    });
  }

  private get internals(): ClientInternals {
    return this.client as unknown as ClientInternals;
  }
}
