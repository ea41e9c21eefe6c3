/**
 * Codes and refresh tokens: the id of their log-in, by which they are found, and random parts of 256 bits each, of which
 * the database has SHA-256 hashes only. A refresh token has a part that stays the same for the whole log-in: with it a
 * token that was used already is told from one that somebody made up, which must not end another person's log-in.
 */
import { timingSafeEqual } from 'node:crypto';
import { generateSecret, sha256 } from '#platform';

const LOGIN_ID = '[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}';
const SECRET = '[A-Za-z0-9_-]{43}';
const CODE = new RegExp(`^(${LOGIN_ID})\\.(${SECRET})$`);
const REFRESH = new RegExp(`^(${LOGIN_ID})\\.(${SECRET})\\.(${SECRET})$`);

export interface NewCode {
  readonly text: string;
  readonly hash: Buffer;
}

/** A new code of a log-in. */
export function newCode(loginId: string): NewCode {
  const secret = generateSecret();
  return { text: `${loginId}.${secret}`, hash: sha256(secret) };
}

/** The log-in that a code names and the hash of its secret; undefined for what is no code. */
export function readCode(code: string): { loginId: string; hash: Buffer } | undefined {
  const [, loginId, secret] = CODE.exec(code) ?? [];
  return loginId === undefined || secret === undefined ? undefined : { loginId, hash: sha256(secret) };
}

export interface NewRefreshToken {
  readonly text: string;
  readonly familyHash: Buffer;
  readonly refreshHash: Buffer;
}

/** A log-in's first refresh token, or the next one of the family with the given common part. */
export function newRefreshToken(loginId: string, family = generateSecret()): NewRefreshToken {
  const secret = generateSecret();
  return { text: `${loginId}.${family}.${secret}`, familyHash: sha256(family), refreshHash: sha256(secret) };
}

export interface ReadRefreshToken {
  readonly loginId: string;
  readonly family: string;
  readonly familyHash: Buffer;
  readonly refreshHash: Buffer;
}

/** The parts of a refresh token; undefined for what is none. */
export function readRefreshToken(token: string): ReadRefreshToken | undefined {
  const [, loginId, family, secret] = REFRESH.exec(token) ?? [];
  if (loginId === undefined || family === undefined || secret === undefined) return undefined;
  return { loginId, family, familyHash: sha256(family), refreshHash: sha256(secret) };
}

/** Whether two hashes are the same; false when one is missing. */
export const sameHash = (a: Buffer | undefined, b: Buffer): boolean => a !== undefined && timingSafeEqual(a, b);
