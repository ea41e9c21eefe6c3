import type { Connection } from '../connection.js';
import { identifier, literal, sql, type Sql } from '../sql.js';
import { ddlBlock } from './ddl-block.js';
import { scramVerifier } from './scram-verifier.js';

/**
 * Makes sure that the role exists, may log in with this machine-made password (see `scramVerifier`), and may do nothing
 * else of its own; then runs `further` DDL about it, in the same transaction. Run again, it sets the password again. Those
 * who do it at once for one role take turns; all of them must be connected to the same database.
 */
export async function ensureLoginRole(
  connection: Connection,
  role: string,
  password: string,
  further: readonly Sql[] = [],
): Promise<void> {
  const abilities = sql`${identifier(role)} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT PASSWORD ${literal(scramVerifier(password))}`;
  // PostgreSQL fails one of two concurrent changes of the same role ("tuple concurrently updated"), so callers take turns.
  const inTurn = sql`PERFORM pg_advisory_xact_lock(hashtextextended(${literal(`login role ${role}`)}, 0))`;
  const createOrAlter = sql`
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${literal(role)}) THEN ALTER ROLE ${abilities};
    ELSE CREATE ROLE ${abilities};
    END IF`;
  await connection.query(ddlBlock([inTurn, createOrAlter, ...further]));
}

/** Keeps the role from opening new connections; those that are open stay. A missing role is fine. */
export async function disableLogin(connection: Connection, role: string): Promise<void> {
  if (await roleExists(connection, role)) await connection.query(sql`ALTER ROLE ${identifier(role)} NOLOGIN`);
}

/**
 * Drops the role and what is granted to it in shared catalogs (CONNECT) and in the connection's database. Fails while it
 * has grants inside another database: drop that one first. A missing role is fine.
 */
export async function dropRole(connection: Connection, role: string): Promise<void> {
  if (!(await roleExists(connection, role))) return;
  await connection.query(sql`DROP OWNED BY ${identifier(role)}`);
  await connection.query(sql`DROP ROLE IF EXISTS ${identifier(role)}`);
}

async function roleExists(connection: Connection, role: string): Promise<boolean> {
  const found = await connection.query(sql`SELECT 1 AS found FROM pg_roles WHERE rolname = ${role}`);
  return found.length > 0;
}
