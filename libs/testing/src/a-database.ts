import { connectOnce, identifier, type OwnedConnection, sql } from '#postgres';
import { randomBytes } from 'node:crypto';

export interface TestDatabase {
  /** The superuser's URL of a fresh database. */
  url: string;
  drop(): Promise<void>;
}

/** The superuser's URL of the maintenance database of this run's PostgreSQL. */
export function testPostgresUrl(): string {
  const url = process.env['BOXYARD_TEST_POSTGRES'];
  if (url === undefined) throw new Error('No PostgreSQL: this test belongs to the project "integration".');
  return url;
}

/** Makes a database for one test file, empty or like a template of `templateOnce`; drop it when the file is done. */
export async function aDatabase(template = 'template0'): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  const server = testPostgresUrl();
  const create = sql`CREATE DATABASE ${identifier(name)} TEMPLATE ${identifier(template)}`;
  const drop = sql`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`;
  await onServer(server, (admin) => admin.query(create));
  return { url: urlOf(server, name), drop: () => onServer(server, (admin) => admin.query(drop)) };
}

/**
 * The name of a database that others are made from, which `fill` has filled. All test files of a run share it: whoever comes
 * first makes it, and others wait meanwhile. It goes with the server.
 */
export async function templateOnce(
  name: string,
  fill: (url: string) => Promise<void>,
  server = testPostgresUrl(),
): Promise<string> {
  await onServer(server, async (admin) => {
    await admin.query(sql`SELECT pg_advisory_lock(hashtext(${name}))`);
    const done = await admin.query(sql`SELECT FROM pg_database WHERE datname = ${name} AND datistemplate`);
    if (done.length > 0) return;
    await admin.query(sql`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`);
    await admin.query(sql`CREATE DATABASE ${identifier(name)} TEMPLATE template0`);
    await fill(urlOf(server, name));
    await admin.query(sql`ALTER DATABASE ${identifier(name)} IS_TEMPLATE true ALLOW_CONNECTIONS false`);
  });
  return name;
}

async function onServer(url: string, work: (admin: OwnedConnection) => Promise<unknown>): Promise<void> {
  const admin = await connectOnce(url);
  try {
    await work(admin);
  } finally {
    await admin.close();
  }
}

function urlOf(server: string, database: string): string {
  const url = new URL(server);
  url.pathname = `/${database}`;
  return url.href;
}
