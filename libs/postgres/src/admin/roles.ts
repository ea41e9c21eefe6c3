import type { Connection } from '../connection.js';
import { sqlState } from '../errors.js';
import { identifier, literal, sql } from '../sql.js';
import { scramVerifier } from './scram-verifier.js';

const duplicateObject = '42710';
const uniqueViolation = '23505';

/**
 * Makes sure that the role exists, may log in with this machine-made password (see `scramVerifier`), and may do nothing
 * else of its own. Run again, it sets the password again.
 */
export async function ensureLoginRole(connection: Connection, role: string, password: string): Promise<void> {
  const abilities = sql`LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS NOINHERIT PASSWORD ${literal(scramVerifier(password))}`;
  if (!(await roleExists(connection, role))) {
    try {
      await connection.query(sql`CREATE ROLE ${identifier(role)} ${abilities}`);
      return;
    } catch (error) {
      // Another worker was quicker.
      if (sqlState(error) !== duplicateObject && sqlState(error) !== uniqueViolation) throw error;
    }
  }
  await connection.query(sql`ALTER ROLE ${identifier(role)} ${abilities}`);
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
