/**
 * What a log-in keeps besides its Login resource (see login_session in the tenant migrations): how far it has come, and
 * the hashes of its code and its refresh token. Nothing here raises the security epoch: a log-in that is not complete
 * gives nobody a right.
 *
 * Every step that may happen once only is one UPDATE with the state it expects in its condition, so that of two at the
 * same time one changes nothing.
 */
import { compiledSql, sql, type Connection } from '#postgres';

export interface NewLoginSession {
  readonly loginId: string;
  /** JSON text; what it says is its writer's affair. */
  readonly details: string;
  /** Seconds from now after which the session may be forgotten. */
  readonly expiresInSeconds: number;
}

export interface LoginSession {
  readonly details: string;
  /** SHA-256 of the code, from when it was issued on: also after it was used, by which a second use is recognised. */
  readonly codeHash?: Buffer;
  /** The code can still be exchanged, as far as its age goes. */
  readonly codeIsFresh: boolean;
  /** The code was exchanged. */
  readonly granted: boolean;
  /** SHA-256 of the part that all refresh tokens of the log-in have in common. */
  readonly familyHash?: Buffer;
  /** SHA-256 of the part that changes with each use. */
  readonly refreshHash?: Buffer;
}

const insertText = `
INSERT INTO login_session (login_id, details, expires_at)
VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))`;

/** Starts a session. */
export async function insertLoginSession(connection: Connection, session: NewLoginSession): Promise<void> {
  const { loginId, details, expiresInSeconds } = session;
  await connection.query(
    compiledSql({ name: 'store_login_session', text: insertText, values: [loginId, details, expiresInSeconds] }),
  );
}

/** Removes log-ins that have expired (see forget_logins in the tenant migrations). Costs next to nothing without any. */
export async function forgetExpiredLogins(connection: Connection): Promise<void> {
  await connection.query(sql`SELECT forget_logins()`);
}

const findText = `
SELECT details, code_hash, code_expires_at > clock_timestamp() AS code_is_fresh, granted, family_hash, refresh_hash
FROM login_session WHERE login_id = $1 AND expires_at > clock_timestamp()`;

/** A session that has not expired. */
export async function findLoginSession(connection: Connection, loginId: string): Promise<LoginSession | undefined> {
  const [row] = await connection.query<{
    details: string;
    code_hash: Buffer | null;
    code_is_fresh: boolean | null;
    granted: boolean;
    family_hash: Buffer | null;
    refresh_hash: Buffer | null;
  }>(compiledSql({ name: 'store_find_login_session', text: findText, values: [loginId] }));
  return (
    row && {
      details: row.details,
      codeIsFresh: row.code_is_fresh === true,
      granted: row.granted,
      ...(row.code_hash ? { codeHash: row.code_hash } : {}),
      ...(row.family_hash ? { familyHash: row.family_hash } : {}),
      ...(row.refresh_hash ? { refreshHash: row.refresh_hash } : {}),
    }
  );
}

/** Replaces `details`, as long as they are `expected` and the code was not exchanged; false when they are not. */
export async function changeLoginDetails(
  connection: Connection,
  loginId: string,
  expected: string,
  details: string,
): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE login_session SET details = ${details}
    WHERE login_id = ${loginId} AND details = ${expected} AND NOT granted RETURNING 1`);
  return rows.length > 0;
}

/** Gives the session its code, in place of one that was issued before and not used. False when one was used. */
export async function issueLoginCode(
  connection: Connection,
  loginId: string,
  codeHash: Buffer,
  goodForSeconds: number,
): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE login_session SET code_hash = ${codeHash},
      code_expires_at = clock_timestamp() + make_interval(secs => ${goodForSeconds})
    WHERE login_id = ${loginId} AND NOT granted RETURNING 1`);
  return rows.length > 0;
}

/** What the exchange of a code makes of the session. */
export interface GrantedSession {
  readonly codeHash: Buffer;
  readonly expiresInSeconds: number;
  /** The hashes of a refresh token, when there is to be one. */
  readonly refresh?: { readonly familyHash: Buffer; readonly refreshHash: Buffer };
}

/** Marks the code as used. False when it was used already, has expired or is another: then nothing has changed. */
export async function takeLoginCode(connection: Connection, loginId: string, grant: GrantedSession): Promise<boolean> {
  const { codeHash, expiresInSeconds, refresh } = grant;
  const rows = await connection.query(sql`
    UPDATE login_session SET granted = true,
      family_hash = ${refresh?.familyHash ?? null}, refresh_hash = ${refresh?.refreshHash ?? null},
      expires_at = clock_timestamp() + make_interval(secs => ${expiresInSeconds})
    WHERE login_id = ${loginId} AND code_hash = ${codeHash} AND NOT granted AND code_expires_at > clock_timestamp()
    RETURNING 1`);
  return rows.length > 0;
}

/** Puts the next refresh token in the place of the one that was used. False when somebody has used it already. */
export async function rotateRefreshHash(
  connection: Connection,
  loginId: string,
  rotation: { readonly used: Buffer; readonly next: Buffer; readonly expiresInSeconds: number },
): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE login_session SET refresh_hash = ${rotation.next},
      expires_at = clock_timestamp() + make_interval(secs => ${rotation.expiresInSeconds})
    WHERE login_id = ${loginId} AND refresh_hash = ${rotation.used} RETURNING 1`);
  return rows.length > 0;
}

/** Those of the log-ins whose last token has not expired. */
export async function liveLoginIds(connection: Connection, loginIds: readonly string[]): Promise<string[]> {
  const rows = await connection.query<{ login_id: string }>(sql`
    SELECT login_id FROM login_session
    WHERE login_id = ANY (${loginIds}::text[]) AND granted AND expires_at > clock_timestamp()`);
  return rows.map((row) => row.login_id);
}
