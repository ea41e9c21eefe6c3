import { timingSafeEqual } from 'node:crypto';
import { sha256 } from '#platform';
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
  if (type !== 'User') return;
  await connection.query(sql`DELETE FROM user_password WHERE user_id = ${id}`);
  await connection.query(sql`DELETE FROM user_second_factor WHERE user_id = ${id}`);
}

/**
 * Keeps the hash (as `hashPassword` gives it) of a person's password. Who knew another one and has tried codes of the second
 * factor is out, so the codes that they tried do not count any more.
 */
export async function setUserPassword(connection: Connection, userId: string, hash: string): Promise<void> {
  await connection.query(sql`
    INSERT INTO user_password (user_id, hash) VALUES (${userId}, ${hash})
    ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash`);
  await connection.query(sql`UPDATE user_second_factor SET tries = 0 WHERE user_id = ${userId}`);
}

/** The hash of a person's password, or what is left of one that is good no longer; undefined when there never was one. */
export async function findUserPassword(connection: Connection, userId: string): Promise<string | undefined> {
  const [row] = await connection.query<{ hash: string }>(sql`SELECT hash FROM user_password WHERE user_id = ${userId}`);
  return row?.hash;
}

/** What stands in the place of the hash of a password that is good no longer; `verifyPassword` accepts nothing for it. */
const VOID = 'void:';

/** Whether what `findUserPassword` gave is the hash of a password, and not what is left of one. */
export const isPasswordHash = (hash: string | undefined): boolean => hash !== undefined && !hash.startsWith(VOID);

/**
 * Takes a person's password away, if they have one. What stays in its place differs from time to time, so that nothing that
 * was bound to an earlier password, or to there being none, is good again.
 */
export async function voidUserPassword(connection: Connection, userId: string): Promise<void> {
  await connection.query(
    sql`UPDATE user_password SET hash = ${VOID}::text || gen_random_uuid() WHERE user_id = ${userId}`,
  );
}

/** What a log-in or a link is bound to: it is good as long as the person has the password that they had when it began. */
export interface PasswordMark {
  readonly userId: string;
  readonly mark: string;
}

/** The mark of a password by its hash, or of having none. */
export const passwordMark = (hash: string | undefined): string => sha256(hash ?? '').toString('base64url');

/** Whether the person still has the password (or none) that they had when the mark was made. */
export async function isMarkCurrent(connection: Connection, { userId, mark }: PasswordMark): Promise<boolean> {
  return passwordMark(await findUserPassword(connection, userId)) === mark;
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
