/** For what the tokens of a person's log-in are given, the first ones and those that follow them. */
import type { TokenSubject } from '../access-token.js';
import { launchedFor, scopeWithContext } from '../launch/launch-context.js';
import type { LoginDetails } from '../login/login-details.js';
import type { Principal } from '../principal.js';
import { DEFAULT_ACCESS_SECONDS, type RegisteredClient } from '../registered-client.js';
import type { TokenRequest } from './token-request.js';

/**
 * The subject of tokens for a principal, by what its log-in remembers and by what the client through which it came says.
 * Patients are in the context of their own chart, unless the app was launched for another one that they may see.
 */
export function loginSubject(
  { issuer }: Pick<TokenRequest, 'issuer'>,
  loginId: string,
  details: LoginDetails,
  { membershipId, profile }: Pick<Principal, 'membershipId' | 'profile'>,
  client: RegisteredClient | undefined,
): TokenSubject {
  const own = /^Patient\/.+/.test(profile.reference) ? { patient: profile.reference } : {};
  const context = { ...own, ...launchedFor(details.scope, details.launch) };
  return {
    issuer,
    loginId,
    scope: scopeWithContext(details.scope, context),
    ...context,
    membershipId,
    user: details.user,
    profile: profile.reference,
    ...(client === undefined ? {} : { clientId: client.id }),
    authTime: new Date(details.authTime),
    accessTokenSeconds: client?.accessTokenSeconds ?? DEFAULT_ACCESS_SECONDS,
  };
}
