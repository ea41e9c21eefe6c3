/**
 * The second factors of people (see user_second_factor in the tenant migrations). `changes` is what was read before: each
 * statement does nothing when the factor was set or taken away since. A code is accepted by one UPDATE that moves the last
 * accepted step forward, so that of two requests with the same code one changes nothing.
 */
import { sql, type Connection } from '#postgres';
import type { StoredResource } from './users.js';

export interface SecondFactor {
  readonly user: StoredResource;
  /** Undefined when the person has no second factor. */
  readonly sealedSecret?: Buffer;
  /** How often a factor of the person was set or taken away. */
  readonly changes: number;
}

/** A code that was right: of whose factor, as it was read, and of which time step. */
export interface RightCode {
  readonly userId: string;
  readonly changes: number;
  readonly step: number;
}

/** What is known of a person's second factor; undefined when there is no such User (any more). */
export async function findSecondFactor(connection: Connection, userId: string): Promise<SecondFactor | undefined> {
  const [row] = await connection.query<{ body: string; sealed_secret: Buffer | null; changes: number }>(sql`
    SELECT u.body, f.sealed_secret, coalesce(f.changes, 0) AS changes
    FROM resource u LEFT JOIN user_second_factor f ON f.user_id = u.fhir_id
    WHERE u.type = 'User' AND u.fhir_id = ${userId} AND NOT u.deleted`);
  if (row === undefined) return undefined;
  const user = JSON.parse(row.body) as StoredResource;
  return { user, changes: row.changes, ...(row.sealed_secret === null ? {} : { sealedSecret: row.sealed_secret }) };
}

/** Whether the person has a second factor other than the one with so many `changes`. */
export async function hasOtherFactor(
  connection: Connection,
  userId: string,
  changes: number | undefined,
): Promise<boolean> {
  const rows = await connection.query(sql`
    SELECT 1 FROM user_second_factor
    WHERE user_id = ${userId} AND sealed_secret IS NOT NULL AND changes IS DISTINCT FROM ${changes ?? null}::integer`);
  return rows.length > 0;
}

/** After so many wrong codes in a row none is accepted (NIST SP 800-63B section 5.2.2). */
const MAX_TRIES = 100;

/** Counts a code that is about to be checked. False when there were too many since the last right one. */
export async function countCode(connection: Connection, userId: string): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE user_second_factor SET tries = tries + 1 WHERE user_id = ${userId} AND tries < ${MAX_TRIES} RETURNING 1`);
  return rows.length > 0;
}

/** Accepts a code. False when one of the same or a later step was accepted before. */
export async function takeCodeStep(connection: Connection, { userId, changes, step }: RightCode): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE user_second_factor SET last_step = ${step}, tries = 0
    WHERE user_id = ${userId} AND changes = ${changes} AND sealed_secret IS NOT NULL AND last_step < ${step}
    RETURNING 1`);
  return rows.length > 0;
}

/** Gives a person without a second factor one, by its first code. False when there is one. */
export async function setSecondFactor(
  connection: Connection,
  { userId, changes, step }: RightCode,
  sealedSecret: Buffer,
): Promise<boolean> {
  const rows = await connection.query(sql`
    INSERT INTO user_second_factor AS f (user_id, sealed_secret, last_step, changes)
    VALUES (${userId}, ${sealedSecret}, ${step}, ${changes + 1})
    ON CONFLICT (user_id) DO UPDATE
      SET sealed_secret = excluded.sealed_secret, last_step = excluded.last_step, changes = excluded.changes
      WHERE f.sealed_secret IS NULL AND f.changes = ${changes}
    RETURNING 1`);
  return rows.length > 0;
}

/** Takes a person's second factor away. False when there is none. */
export async function voidSecondFactor(connection: Connection, userId: string): Promise<boolean> {
  const rows = await connection.query(sql`
    UPDATE user_second_factor SET sealed_secret = NULL, changes = changes + 1
    WHERE user_id = ${userId} AND sealed_secret IS NOT NULL RETURNING 1`);
  return rows.length > 0;
}
