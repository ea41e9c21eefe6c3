/**
 * New tokens for a refresh token (RFC 6749 section 6), which is good once and comes with its successor. One that is used
 * again was stolen, or its owner's is: the whole log-in ends (RFC 9700 section 4.14.2).
 */
import { findLoginSession, type LoginSession, rotateRefreshHash } from '#fhir-store';
import { openLoginPrincipal } from '../open-principal.js';
import { DEFAULT_REFRESH_SECONDS } from '../registered-client.js';
import { clientOf, detailsOf, endStolen } from './authorization-code-grant.js';
import { loginSubject } from './login-subject.js';
import { newRefreshToken, type ReadRefreshToken, readRefreshToken, sameHash } from './opaque-secrets.js';
import { tokenAnswer, type TokenAnswer } from './token-answer.js';
import { invalidGrant, TokenError } from './token-error.js';
import type { TokenRequest } from './token-request.js';

/** Gives new tokens and the next refresh token. Throws TokenError. */
export async function grantRefreshToken(request: TokenRequest): Promise<TokenAnswer> {
  const { runtime, form } = request;
  const token = form.get('refresh_token');
  if (token === undefined) throw new TokenError('invalid_request', 'The refresh_token is missing.');
  const read = readRefreshToken(token);
  const session = read && (await runtime.database.use((connection) => findLoginSession(connection, read.loginId)));
  if (read === undefined || session === undefined || !isOfFamily(session, read)) throw invalidGrant();

  const { loginId } = read;
  const details = detailsOf(session);
  const { membership } = details;
  const client = await clientOf(request, details);
  if (!sameHash(session.refreshHash, read.refreshHash)) return endStolen(request, loginId);
  const principal =
    membership && (await openLoginPrincipal(runtime, { membershipId: membership, user: details.user, loginId }));
  if (!principal) throw invalidGrant();

  const next = newRefreshToken(loginId, read.family);
  const subject = loginSubject(request, loginId, details, principal, client);
  const rotation = {
    used: read.refreshHash,
    next: next.refreshHash,
    expiresInSeconds: Math.max(subject.accessTokenSeconds, client?.refreshTokenSeconds ?? DEFAULT_REFRESH_SECONDS),
  };
  const wasRotated = await runtime.database.use((connection) => rotateRefreshHash(connection, loginId, rotation));
  if (!wasRotated) return endStolen(request, loginId);
  return tokenAnswer(runtime, subject, principal.profile, next.text);
}

/** Whether the token is, or was, one of the log-in's. */
const isOfFamily = (session: LoginSession, { familyHash }: ReadRefreshToken): boolean =>
  session.granted && sameHash(session.familyHash, familyHash);
