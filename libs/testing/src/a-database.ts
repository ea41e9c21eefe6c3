import { connectOnce, identifier, sql } from '#postgres';
import { randomBytes } from 'node:crypto';

export interface TestDatabase {
  /** The superuser's URL of a fresh, empty database. */
  url: string;
  drop(): Promise<void>;
}

/** The superuser's URL of the maintenance database of this run's PostgreSQL. */
export function testPostgresUrl(): string {
  const url = process.env['BOXYARD_TEST_POSTGRES'];
  if (url === undefined) throw new Error('No PostgreSQL: this test belongs to the project "integration".');
  return url;
}

/** Makes an empty database for one test file; drop it when the file is done. */
export async function aDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(8).toString('hex')}`;
  await administer(sql`CREATE DATABASE ${identifier(name)} TEMPLATE template0`);
  const url = new URL(testPostgresUrl());
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => administer(sql`DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`) };
}

async function administer(statement: ReturnType<typeof sql>): Promise<void> {
  const connection = await connectOnce(testPostgresUrl());
  try {
    await connection.query(statement);
  } finally {
    await connection.close();
  }
}
