/** Roles and databases, as the administrator of a server makes and removes them. */
import {
  connectOnce,
  databaseExists,
  disableLogin,
  dropDatabase,
  dropRole,
  ensureDatabase,
  ensureLoginRole,
  identifier,
  renameDatabase,
  revokePublicConnect,
  sql,
  sqlState,
  terminateConnections,
  type OwnedConnection,
} from '#postgres';
import { aDatabase, type TestDatabase } from '#testing';
import { randomBytes } from 'node:crypto';

let database: TestDatabase;
let connection: OwnedConnection;

beforeAll(async () => {
  database = await aDatabase();
  connection = await connectOnce(database.url);
});

afterAll(async () => {
  await connection?.close();
  await database?.drop();
});

const unique = (prefix: string) => `${prefix}_${randomBytes(6).toString('hex')}`;

describe('administration', () => {
  test('a tenant role reaches its own database and rows, and nothing else', async () => {
    const [role, otherRole, own, other] = [unique('r'), unique('r'), unique('db'), unique('db')];
    const password = randomBytes(32).toString('base64url');
    // Twice: each step looks before it acts.
    for (let round = 0; round < 2; round++) {
      await ensureLoginRole(connection, role, password);
      await ensureLoginRole(connection, otherRole, password);
      for (const [name, owner] of [
        [own, role],
        [other, otherRole],
      ] as const) {
        await ensureDatabase(connection, name, { template: 'template0', comment: "a tenant's database" });
        await revokePublicConnect(connection, name);
        const inside = await connectOnce(urlOf(name));
        await inside.query(sql`CREATE TABLE IF NOT EXISTS thing (id bigserial PRIMARY KEY, body text)`);
        await connection.query(sql`GRANT CONNECT ON DATABASE ${identifier(name)} TO ${identifier(owner)}`);
        await inside.query(sql`GRANT ALL ON thing, thing_id_seq TO ${identifier(owner)}`);
        await inside.query(sql`REVOKE TRUNCATE ON thing FROM ${identifier(owner)}`);
        await inside.close();
      }
    }
    const tenant = await connectOnce(urlOf(own, role, password));
    await tenant.query(sql`INSERT INTO thing (body) VALUES ('x')`);
    await tenant.query(sql`UPDATE thing SET body = 'y'`);
    expect(await tenant.query(sql`DELETE FROM thing RETURNING body`)).toEqual([{ body: 'y' }]);
    const denied = [
      sql`TRUNCATE thing`,
      sql`CREATE TABLE mine (id int)`,
      sql`CREATE TEMPORARY TABLE mine (id int)`,
      sql`CREATE SCHEMA mine`,
      sql`DROP TABLE thing`,
      sql`CREATE DATABASE mine`,
      sql`CREATE ROLE mine`,
      sql`SELECT rolpassword FROM pg_authid`,
      sql`SET ROLE ${identifier(otherRole)}`,
    ];
    for (const statement of denied) {
      expect([statement.text, sqlState(await tenant.query(statement).catch((error: unknown) => error))]).toEqual([
        statement.text,
        '42501',
      ]);
    }
    await tenant.close();
    const stranger: unknown = await connectOnce(urlOf(other, role, password)).catch((error: unknown) => error);
    expect(sqlState(stranger)).toBe('42501');
    const wrongPassword: unknown = await connectOnce(urlOf(own, role, 'x')).catch((error: unknown) => error);
    expect(sqlState(wrongPassword)).toBe('28P01');

    for (const name of [own, other]) await dropDatabase(connection, name);
    for (const name of [role, otherRole]) await dropRole(connection, name);
    const roles = await connection.query(sql`SELECT 1 AS found FROM pg_roles WHERE rolname IN (${role}, ${otherRole})`);
    expect(roles).toEqual([]);
  });

  test('a role that is ensured again has the new password', async () => {
    const role = unique('r');
    await ensureLoginRole(connection, role, 'first-password');
    await ensureLoginRole(connection, role, 'second-password');
    const url = new URL(database.url);
    const old: unknown = await connectOnce(urlOf(url.pathname.slice(1), role, 'first-password')).catch(
      (error: unknown) => error,
    );
    expect(sqlState(old)).toBe('28P01');
    await (await connectOnce(urlOf(url.pathname.slice(1), role, 'second-password'))).close();
    await dropRole(connection, role);
  });

  test('a role whose login is disabled cannot connect', async () => {
    const role = unique('r');
    await ensureLoginRole(connection, role, 'some-password');
    await disableLogin(connection, role);
    await disableLogin(connection, unique('missing'));
    const name = new URL(database.url).pathname.slice(1);
    const outcome: unknown = await connectOnce(urlOf(name, role, 'some-password')).catch((error: unknown) => error);
    expect(sqlState(outcome)).toBe('28000');
    await dropRole(connection, role);
  });

  test('the database of a comment, its renaming and its end are each safe to repeat', async () => {
    const [name, trash] = [unique('db'), unique('trash')];
    await ensureDatabase(connection, name, { template: 'template0', comment: 'first' });
    await ensureDatabase(connection, name, { template: 'template0', comment: "it's the second" });
    const comment = await connection.query(
      sql`SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = ${name}`,
    );
    expect(comment).toEqual([{ comment: "it's the second" }]);

    const user = await connectOnce(urlOf(name));
    await terminateConnections(connection, name);
    await expect(user.query(sql`SELECT 1`)).rejects.toThrow();
    for (let round = 0; round < 2; round++) await renameDatabase(connection, name, trash);
    expect(await databaseExists(connection, name)).toBe(false);
    expect(await databaseExists(connection, trash)).toBe(true);
    for (let round = 0; round < 2; round++) await dropDatabase(connection, trash);
    expect(await databaseExists(connection, trash)).toBe(false);
    await dropRole(connection, unique('missing'));
  });

  test('two workers that ensure the same things at once both succeed', async () => {
    const [role, name] = [unique('r'), unique('db')];
    const workers = await Promise.all([1, 2, 3].map(() => connectOnce(database.url)));
    // Often, because changes of one role that are not made in turn fail in one round of thirty only.
    for (let round = 0; round < 100; round++) {
      await Promise.all(workers.map((worker) => ensureLoginRole(worker, role, 'some-password')));
    }
    await Promise.all(workers.map((worker) => ensureDatabase(worker, name, { template: 'template0', comment: 'x' })));
    await Promise.all(workers.map((worker) => worker.close()));
    expect(await databaseExists(connection, name)).toBe(true);
    await dropDatabase(connection, name);
    await dropRole(connection, role);
  });
});

function urlOf(name: string, user?: string, password?: string): string {
  const url = new URL(database.url);
  url.pathname = `/${name}`;
  if (user !== undefined) url.username = user;
  if (password !== undefined) url.password = password;
  return url.href;
}
