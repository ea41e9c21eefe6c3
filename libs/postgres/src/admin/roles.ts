import type { Connection } from '../connection.js';
import { identifier, literal, sql, type Sql } from '../sql.js';
import { ddlBlock } from './ddl-block.js';
import { scramVerifier } from './scram-verifier.js';

/**
 * Makes sure that the role exists, may log in with this machine-made password (see `scramVerifier`), and may do nothing
 * else of its own; then runs `further` DDL about it, in the same transaction. Run again, it sets the password again. Those
 * who do it at once for one role take turns; all of them must be connected to the same database.
 *
 * The connection's own role is a member of it from then on, unless it is a superuser, who needs no membership to act as
 * the role, to end its connections and to drop it. See https://www.postgresql.org/docs/18/role-attributes.html on what
 * CREATEROLE gives and what it does not.
 */
export async function ensureLoginRole(
  connection: Connection,
  role: string,
  password: string,
  further: readonly Sql[] = [],
): Promise<void> {
  const [name, text] = [identifier(role), literal(role)];
  const login = sql`LOGIN NOCREATEDB NOCREATEROLE NOINHERIT PASSWORD ${literal(scramVerifier(password))}`;
  const statements = [
    // PostgreSQL fails one of two concurrent changes of the same role ("tuple concurrently updated"), so callers take turns.
    sql`PERFORM pg_advisory_xact_lock(hashtextextended(${literal(`login role ${role}`)}, 0))`,
    sql`
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${text}) THEN ALTER ROLE ${name} ${login};
    ELSE CREATE ROLE ${name} ${login};
    END IF`,
    // Nobody but a superuser may name these at all, and so only where there is something to take away.
    sql`
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = ${text} AND (rolsuper OR rolreplication OR rolbypassrls)) THEN
      ALTER ROLE ${name} NOSUPERUSER NOREPLICATION NOBYPASSRLS;
    END IF`,
    sql`
    IF NOT (pg_has_role(${text}, 'USAGE') AND pg_has_role(${text}, 'SET')) THEN
      GRANT ${name} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE;
    END IF`,
  ];
  await connection.query(ddlBlock([...statements, ...further]));
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
