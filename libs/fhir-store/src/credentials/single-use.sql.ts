/** What is good once only (see single_use in the tenant migrations), by a key of 32 bytes that says what it is. */
import { sql, type Connection } from '#postgres';

/** Adds a key. False when it is there already and has not expired. */
export async function addSingleUse(connection: Connection, key: Buffer, expiresInSeconds: number): Promise<boolean> {
  const rows = await connection.query(sql`
    INSERT INTO single_use AS s (key, expires_at) VALUES (${key}, clock_timestamp() + make_interval(secs => ${expiresInSeconds}))
    ON CONFLICT (key) DO UPDATE SET expires_at = excluded.expires_at WHERE s.expires_at < clock_timestamp()
    RETURNING 1`);
  return rows.length > 0;
}

/** Adds a key in the place of the one that was added before in the same series (32 bytes that say what they are), if any. */
export async function replaceSingleUse(
  connection: Connection,
  series: Buffer,
  key: Buffer,
  expiresInSeconds: number,
): Promise<void> {
  await connection.query(sql`
    INSERT INTO single_use (key, series, expires_at)
    VALUES (${key}, ${series}, clock_timestamp() + make_interval(secs => ${expiresInSeconds}))
    ON CONFLICT (series) DO UPDATE SET key = excluded.key, expires_at = excluded.expires_at`);
}

/** Adds a key in a series, unless one of that series is there. */
export async function addSingleUseOnce(
  connection: Connection,
  series: Buffer,
  key: Buffer,
  expiresInSeconds: number,
): Promise<void> {
  await connection.query(sql`
    INSERT INTO single_use (key, series, expires_at)
    VALUES (${key}, ${series}, clock_timestamp() + make_interval(secs => ${expiresInSeconds}))
    ON CONFLICT DO NOTHING`);
}

/** Takes a key away. False when it was not there, or has expired: of several at the same time one gets it. */
export async function takeSingleUse(connection: Connection, key: Buffer): Promise<boolean> {
  const rows = await connection.query<{ fresh: boolean }>(sql`
    DELETE FROM single_use WHERE key = ${key} RETURNING expires_at > clock_timestamp() AS fresh`);
  return rows[0]?.fresh === true;
}

/** Whether a key is there and has not expired. */
export async function isSingleUse(connection: Connection, key: Buffer): Promise<boolean> {
  const rows = await connection.query(
    sql`SELECT 1 FROM single_use WHERE key = ${key} AND expires_at > clock_timestamp()`,
  );
  return rows.length > 0;
}
