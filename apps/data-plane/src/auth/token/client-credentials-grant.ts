/**
 * A log-in with a client's own credentials (RFC 6749 section 4.4): a Login resource is recorded, so that the token can be
 * revoked before it expires.
 */
import { randomUUID } from 'node:crypto';
import { ipAccess } from '#access-policy';
import { recordLogin } from '#fhir-store';
import { isAllowedOrigin } from '../allowed-origins.js';
import { loginResource } from '../login/login-details.js';
import { grantedScope } from '../scopes.js';
import { tokenAnswer, type TokenAnswer } from './token-answer.js';
import { ForeignOrigin, invalidClient, TokenError } from './token-error.js';
import type { TokenRequest } from './token-request.js';

/** Gives a client that has proved who it is a token for its own membership. Throws TokenError. */
export async function grantClientCredentials(request: TokenRequest): Promise<TokenAnswer> {
  const { runtime, form, proved, issuer, remoteAddress, origin, userAgent, requestId } = request;
  if (proved === undefined) throw new TokenError('invalid_request', 'client_id and client_secret are missing.');
  const { client, principal } = proved;
  if (!isAllowedOrigin(client.allowedOrigins, origin)) throw new ForeignOrigin();
  if (principal === undefined) throw invalidClient();
  if (!ipAccess(principal.policy.ipAccessRules, remoteAddress)) {
    throw new TokenError('invalid_client', 'The client may not log in from this address.');
  }
  const scope = grantedScope(form.get('scope'), client.defaultScope);
  if (scope === undefined) throw new TokenError('invalid_scope', 'The scope is malformed.');

  const loginId = randomUUID();
  const authTime = new Date();
  const details = {
    user: principal.user,
    membership: principal.membershipId,
    client: client.id,
    scope,
    remember: false,
    authTime: authTime.toISOString(),
    remoteAddress,
    ...(userAgent === undefined ? {} : { userAgent }),
  };
  const [profileType = ''] = principal.profile.reference.split('/');
  await recordLogin(
    runtime.database,
    { agent: principal.user, author: principal.profile.reference, requestId },
    loginResource(loginId, runtime.entry.projectId, details, profileType),
    client.accessTokenSeconds,
  );
  const subject = {
    issuer,
    loginId,
    scope,
    membershipId: principal.membershipId,
    user: principal.user,
    profile: principal.profile.reference,
    clientId: client.id,
    authTime,
    accessTokenSeconds: client.accessTokenSeconds,
  };
  return tokenAnswer(runtime, subject, principal.profile);
}
