import { connectOnce, sql, identifier } from '#postgres';
import type { BenchEnvironment } from './environment.js';

/** Brings statistics and visibility maps of a database to where a quiet moment would bring them. */
export async function tidyDatabase({ urlOf }: BenchEnvironment, database: string): Promise<void> {
  const connection = await connectOnce(urlOf(database));
  await connection.query(sql`VACUUM ANALYZE`);
  await connection.close();
}

/** Copies a database on the same server, ending the connections to it, and gives the superuser's URL of the copy. */
export async function copyDatabase({ control, urlOf }: BenchEnvironment, database: string): Promise<string> {
  const copy = `copy_of_${database}`;
  await control.query(sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = ${database}`);
  await control.query(sql`CREATE DATABASE ${identifier(copy)} TEMPLATE ${identifier(database)}`);
  return urlOf(copy);
}
