/**
 * The exchange of an authorization code (RFC 6749 section 4.1.3, RFC 7636). A code is good once: the second use ends the
 * log-in that the first one began, because one of the two was not by its owner.
 */
import { findLoginSession, grantLogin, type LoginSession, revokeLogins } from '#fhir-store';
import { isAllowedOrigin } from '../allowed-origins.js';
import { type LoginDetails, loginResource, proofOf } from '../login/login-details.js';
import { answersChallenge } from '../login/pkce.js';
import { principalOfMembership } from '../open-principal.js';
import { DEFAULT_REFRESH_SECONDS, findRegisteredClient, type RegisteredClient } from '../registered-client.js';
import { wantsRefresh } from '../scopes.js';
import { loginSubject } from './login-subject.js';
import { newRefreshToken, readCode, sameHash } from './opaque-secrets.js';
import { tokenAnswer, type TokenAnswer } from './token-answer.js';
import { ForeignOrigin, invalidClient, invalidGrant, TokenError } from './token-error.js';
import type { TokenRequest } from './token-request.js';

/** Gives the tokens of the log-in to which the code belongs. Throws TokenError. */
export async function grantAuthorizationCode(request: TokenRequest): Promise<TokenAnswer> {
  const { runtime, form, requestId } = request;
  const code = form.get('code');
  if (code === undefined) throw new TokenError('invalid_request', 'The code is missing.');
  const read = readCode(code);
  const session = read && (await runtime.database.use((connection) => findLoginSession(connection, read.loginId)));
  if (read === undefined || session === undefined || !sameHash(session.codeHash, read.hash)) throw invalidGrant();
  const { loginId, hash: codeHash } = read;
  if (session.granted) return endStolen(request, loginId);
  if (!session.codeIsFresh) throw invalidGrant();

  const details = detailsOf(session);
  const { membership } = details;
  if (membership === undefined) throw invalidGrant();
  const client = await clientOf(request, details);
  assertSameRequest(form, details);
  assertVerifier(request, details, client);
  const principal = await principalOfMembership(runtime, membership, details.user);
  if (principal === undefined) throw invalidGrant();

  const subject = loginSubject(request, loginId, details, principal, client);
  const refresh = details.remember || wantsRefresh(details.scope) ? newRefreshToken(loginId) : undefined;
  const refreshSeconds = client?.refreshTokenSeconds ?? DEFAULT_REFRESH_SECONDS;
  const [profileType = ''] = principal.profile.reference.split('/');
  const login = loginResource(loginId, runtime.entry.projectId, { ...details, membership }, profileType);
  const wasGranted = await grantLogin(
    runtime.database,
    { agent: principal.profile.reference, author: principal.profile.reference, requestId },
    login,
    {
      codeHash,
      expiresInSeconds: Math.max(subject.accessTokenSeconds, refresh === undefined ? 0 : refreshSeconds),
      ...(refresh === undefined ? {} : { refresh }),
    },
    proofOf(details),
  );
  if (!wasGranted) return endStolen(request, loginId);
  // The first ID token answers the nonce (OpenID Connect Core section 3.1.3.6); those that follow need not (section 12.2).
  const nonce = details.nonce === undefined ? {} : { nonce: details.nonce };
  return tokenAnswer(runtime, { ...subject, ...nonce }, principal.profile, refresh?.text);
}

/** The details of a session; the tokens of the log-in are given by what they say. */
export const detailsOf = (session: LoginSession): LoginDetails => JSON.parse(session.details) as LoginDetails;

/** Ends the log-in whose code or refresh token was used a second time. */
export async function endStolen({ runtime, requestId }: TokenRequest, loginId: string): Promise<never> {
  await revokeLogins(runtime.database, { agent: 'system/identity', requestId }, [loginId]);
  throw invalidGrant();
}

/**
 * The client through which the person logged in; undefined when there was none. Throws when it has been switched off
 * since, when the request proves to be another client's, or when it comes from a page that the client does not allow.
 */
export async function clientOf(request: TokenRequest, details: LoginDetails): Promise<RegisteredClient | undefined> {
  const { runtime, form, proved, origin, requestId } = request;
  const named = form.get('client_id');
  // A client_id that is left out is common even when the log-in named a client: the verifier decides then.
  if (named !== undefined && named !== details.client) throw invalidGrant();
  if (proved !== undefined && proved.client.id !== details.client) throw invalidClient();
  if (details.client === undefined) return undefined;
  const client = await findRegisteredClient(runtime.database, details.client, requestId);
  if (client === undefined) throw invalidClient();
  if (!isAllowedOrigin(client.allowedOrigins, origin)) throw new ForeignOrigin();
  return client;
}

/** RFC 6749 section 4.1.3: who got the code at one address cannot use it in the name of another. */
function assertSameRequest(form: ReadonlyMap<string, string>, { redirectUri }: LoginDetails): void {
  if (redirectUri !== undefined && form.get('redirect_uri') !== redirectUri) throw invalidGrant();
}

/** RFC 7636 section 4.6. A log-in without a challenge is for clients alone that may do so, and have proved who they are. */
function assertVerifier(
  { form, proved }: TokenRequest,
  details: LoginDetails,
  client: RegisteredClient | undefined,
): void {
  const verifier = form.get('code_verifier');
  const { codeChallenge, codeChallengeMethod } = details;
  if (codeChallenge === undefined || codeChallengeMethod === undefined) {
    const mayGoWithout = client?.pkceOptional === true && proved !== undefined && verifier === undefined;
    if (!mayGoWithout) throw invalidGrant();
    return;
  }
  if (verifier === undefined) throw new TokenError('invalid_request', 'The code_verifier is missing.');
  if (!answersChallenge({ codeChallenge, codeChallengeMethod }, verifier)) throw invalidGrant();
}
