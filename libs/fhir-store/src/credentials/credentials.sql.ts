import { timingSafeEqual } from 'node:crypto';
import { sql, type Connection } from '#postgres';
import { hashSecret, type Credentials } from './take-credentials.js';

/** Keeps the hash of a client's secret; the retiring secret, if any, stays as it is. */
export async function setClientSecret(connection: Connection, clientId: string, secretHash: Buffer): Promise<void> {
  await connection.query(sql`
    INSERT INTO client_secret (client_id, secret_hash) VALUES (${clientId}, ${secretHash})
    ON CONFLICT (client_id) DO UPDATE SET secret_hash = excluded.secret_hash`);
}

/** Keeps what a write of a ClientApplication carried; a secret that it did not carry stays as it is. */
export async function keepCredentials(
  connection: Connection,
  clientId: string,
  credentials: Credentials,
): Promise<void> {
  const { secretHash, retiringHash } = credentials;
  if (secretHash !== undefined) await setClientSecret(connection, clientId, secretHash);
  if (retiringHash !== undefined) {
    await connection.query(sql`UPDATE client_secret SET retiring_hash = ${retiringHash} WHERE client_id = ${clientId}`);
  }
}

/** Forgets what a deleted ClientApplication or User could log in with; nothing happens for other types. */
export async function forgetCredentials(connection: Connection, type: string, id: string): Promise<void> {
  if (type === 'ClientApplication') await connection.query(sql`DELETE FROM client_secret WHERE client_id = ${id}`);
  if (type === 'User') await connection.query(sql`DELETE FROM user_password WHERE user_id = ${id}`);
}

/** Keeps the hash (as `hashPassword` gives it) of a person's password. */
export async function setUserPassword(connection: Connection, userId: string, hash: string): Promise<void> {
  await connection.query(sql`
    INSERT INTO user_password (user_id, hash) VALUES (${userId}, ${hash})
    ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash`);
}

/** The hash of a person's password; undefined for somebody who has none. */
export async function findUserPassword(connection: Connection, userId: string): Promise<string | undefined> {
  const [row] = await connection.query<{ hash: string }>(sql`SELECT hash FROM user_password WHERE user_id = ${userId}`);
  return row?.hash;
}

/**
 * Whether `secret` is the client's secret or the one it is retiring. With no hashes (an unknown client) the answer is
 * false after the same work, so that the time taken does not tell whether a client exists.
 */
export function isClientSecret(secret: string, hashes: Credentials): boolean {
  const given = hashSecret(secret);
  const current = timingSafeEqual(given, hashes.secretHash ?? Buffer.alloc(given.length));
  const retiring = timingSafeEqual(given, hashes.retiringHash ?? Buffer.alloc(given.length));
  return (current && hashes.secretHash !== undefined) || (retiring && hashes.retiringHash !== undefined);
}
