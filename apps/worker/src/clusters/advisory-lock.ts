import { type Connection, sql } from '#postgres';

/**
 * Locks that workers take on a cluster itself, in its maintenance database: a lock ends with its connection, so a worker
 * that dies lets go at once and nothing has to be timed. `name` says what is locked; other programs' locks have other
 * hashes.
 */
const key = (name: string) => sql`hashtextextended(${`boxyard ${name}`}, 0)`;

/** Waits for the lock, runs `work`, lets go. The connection is in use until then. */
export async function withLock<T>(connection: Connection, name: string, work: () => Promise<T>): Promise<T> {
  await connection.query(sql`SELECT pg_advisory_lock(${key(name)})`);
  return releaseAfter(connection, name, work);
}

/** As `withLock`, but gives `undefined` at once, without running `work`, when another connection has the lock. */
export async function tryWithLock<T>(
  connection: Connection,
  name: string,
  work: () => Promise<T>,
): Promise<T | undefined> {
  const [row] = await connection.query<{ locked: boolean }>(sql`SELECT pg_try_advisory_lock(${key(name)}) AS locked`);
  return row?.locked ? releaseAfter(connection, name, work) : undefined;
}

async function releaseAfter<T>(connection: Connection, name: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } finally {
    await connection.query(sql`SELECT pg_advisory_unlock(${key(name)})`);
  }
}
