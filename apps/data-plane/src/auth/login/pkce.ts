/** Proof Key for Code Exchange (RFC 7636). */
import { createHash, timingSafeEqual } from 'node:crypto';

export type ChallengeMethod = 'S256' | 'plain';

export interface Challenge {
  readonly codeChallenge: string;
  readonly codeChallengeMethod: ChallengeMethod;
}

/** Section 4.1 and 4.2: what a verifier, and so a plain challenge, looks like. */
const FORM = /^[A-Za-z0-9\-._~]{43,128}$/;

/**
 * Reads a challenge. `none` when neither part is there; `malformed` for another form, an unknown method, or a method
 * without a challenge. Without a method it is `plain` (section 4.3).
 */
export function readChallenge(
  challenge: string | undefined,
  method: string | undefined,
): Challenge | 'none' | 'malformed' {
  if (challenge === undefined) return method === undefined ? 'none' : 'malformed';
  const codeChallengeMethod = method ?? 'plain';
  if (codeChallengeMethod !== 'S256' && codeChallengeMethod !== 'plain') return 'malformed';
  return FORM.test(challenge) ? { codeChallenge: challenge, codeChallengeMethod } : 'malformed';
}

/** Whether `verifier` is the one from which the challenge was made (section 4.6). */
export function answersChallenge({ codeChallenge, codeChallengeMethod }: Challenge, verifier: string): boolean {
  if (!FORM.test(verifier)) return false;
  const given =
    codeChallengeMethod === 'S256' ? createHash('sha256').update(verifier, 'ascii').digest('base64url') : verifier;
  return given.length === codeChallenge.length && timingSafeEqual(Buffer.from(given), Buffer.from(codeChallenge));
}
