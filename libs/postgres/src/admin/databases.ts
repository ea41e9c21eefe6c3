import { DomainError } from '#platform';
import type { Connection } from '../connection.js';
import { sqlState } from '../errors.js';
import { identifier, literal, sql, type Sql } from '../sql.js';

const duplicateDatabase = '42P04';
const uniqueViolation = '23505';
const terminateTimeoutMs = 5_000;

export interface NewDatabase {
  /** The database to copy; by default template1. Nobody may be connected to it. */
  template?: string;
  /** Says what the database is, for people who look at the cluster and for finding orphans. */
  comment: string;
}

/**
 * Makes sure that the database exists and carries the comment. Cannot run in a transaction.
 */
export async function ensureDatabase(connection: Connection, name: string, options: NewDatabase): Promise<void> {
  const existing = await databaseComment(connection, name);
  if (existing === undefined) await createDatabase(connection, name, options.template ?? 'template1');
  if (existing !== options.comment) await connection.query(commentOnDatabase(name, options.comment));
}

/**
 * Copies the template through the WAL, which needs no checkpoint. It is fine when another worker has made the database in
 * the same moment. Cannot run in a transaction.
 */
export async function createDatabase(connection: Connection, name: string, template: string): Promise<void> {
  try {
    await connection.query(sql`CREATE DATABASE ${identifier(name)} TEMPLATE ${identifier(template)} STRATEGY WAL_LOG`);
  } catch (error) {
    if (sqlState(error) !== duplicateDatabase && sqlState(error) !== uniqueViolation) throw error;
  }
}

/** Says on the cluster what the database is. */
export function commentOnDatabase(name: string, comment: string): Sql {
  return sql`COMMENT ON DATABASE ${identifier(name)} IS ${literal(comment)}`;
}

/** What the database says it is; null without a comment, undefined when there is no such database. */
export async function databaseComment(connection: Connection, name: string): Promise<string | null | undefined> {
  const [row] = await connection.query<{ comment: string | null }>(
    sql`SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = ${name}`,
  );
  return row?.comment;
}

export async function databaseExists(connection: Connection, name: string): Promise<boolean> {
  const found = await connection.query(sql`SELECT 1 AS found FROM pg_database WHERE datname = ${name}`);
  return found.length > 0;
}

/**
 * Takes from PUBLIC what PostgreSQL gives it on every database by itself: CONNECT and TEMPORARY. Throws
 * `database-open-to-public` when the connection's role may not do that, of which PostgreSQL itself only warns.
 */
export async function revokePublicConnect(connection: Connection, database: string): Promise<void> {
  if (!(await isOpenToPublic(connection, database))) return;
  await connection.query(sql`REVOKE ALL ON DATABASE ${identifier(database)} FROM PUBLIC`);
  if (!(await isOpenToPublic(connection, database))) return;
  throw new DomainError(
    'unavailable',
    'database-open-to-public',
    `Every role of the server may connect to database ${database}. Its owner must run: REVOKE ALL ON DATABASE "${database}" FROM PUBLIC`,
  );
}

/** Whether every role may connect to the database. What else PUBLIC has on it is of no use without that. */
export async function isOpenToPublic(connection: Connection, database: string): Promise<boolean> {
  const granted = await connection.query(sql`
    SELECT 1 AS found FROM pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) AS acl
    WHERE datname = ${database} AND acl.grantee = 0 AND acl.privilege_type = 'CONNECT'`);
  return granted.length > 0;
}

/** Ends every other connection to the database and waits until they are gone, 5 s for each at most. */
export async function terminateConnections(connection: Connection, database: string): Promise<void> {
  await connection.query(sql`
    SELECT pg_terminate_backend(pid, ${terminateTimeoutMs}) FROM pg_stat_activity
    WHERE datname = ${database} AND pid <> pg_backend_pid()`);
}

/** Renames the database, to which nobody may be connected. Done already when only the new name exists. */
export async function renameDatabase(connection: Connection, from: string, to: string): Promise<void> {
  if (!(await databaseExists(connection, from)) && (await databaseExists(connection, to))) return;
  await connection.query(sql`ALTER DATABASE ${identifier(from)} RENAME TO ${identifier(to)}`);
}

/**
 * Drops the database and ends its connections. Forces a checkpoint, which can take a second, so never in a request and
 * one at a time. A missing database is fine. Cannot run in a transaction.
 */
export async function dropDatabase(connection: Connection, name: string): Promise<void> {
  await connection.query(sql`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`);
}
