import { grantAuthorizationCode } from './authorization-code-grant.js';
import { grantClientCredentials } from './client-credentials-grant.js';
import { grantRefreshToken } from './refresh-token-grant.js';
import type { TokenAnswer } from './token-answer.js';
import type { TokenRequest } from './token-request.js';

/** By `grant_type`: whoever holds what the grant asks for gets tokens. */
export const grants: ReadonlyMap<string, (request: TokenRequest) => Promise<TokenAnswer>> = new Map([
  ['authorization_code', grantAuthorizationCode],
  ['refresh_token', grantRefreshToken],
  ['client_credentials', grantClientCredentials],
]);
