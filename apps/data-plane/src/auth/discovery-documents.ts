/**
 * What a project publishes about its identity endpoints. Addresses are those of the request's route, so that a client
 * behind a prefix finds them; the issuer is the project's canonical base URL, which is what its tokens say.
 */
import { ACCESS_TOKEN_SECONDS, SIGNING_ALGORITHM } from './access-token.js';

export interface DiscoveryAddress {
  readonly issuer: string;
  readonly baseUrl: string;
}

const GRANT_TYPES = ['client_credentials'];
const CLIENT_AUTHENTICATION = ['client_secret_basic', 'client_secret_post'];
const SCOPES = ['openid', 'profile', 'fhirUser', 'offline_access'];

/** RFC 8414. */
export function authorizationServerMetadata({ issuer, baseUrl }: DiscoveryAddress): object {
  return {
    issuer,
    token_endpoint: `${baseUrl}oauth2/token`,
    jwks_uri: `${baseUrl}.well-known/jwks.json`,
    grant_types_supported: GRANT_TYPES,
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
    response_types_supported: [],
    scopes_supported: SCOPES,
  };
}

/** OpenID Connect Discovery 1.0, section 3. */
export function openidConfiguration(address: DiscoveryAddress): object {
  return {
    ...authorizationServerMetadata(address),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
    end_session_endpoint: `${address.baseUrl}oauth2/logout`,
  };
}

/** SMART App Launch, https://hl7.org/fhir/smart-app-launch/conformance.html. */
export function smartConfiguration(address: DiscoveryAddress): object {
  return {
    ...authorizationServerMetadata(address),
    code_challenge_methods_supported: ['S256'],
    capabilities: ['client-confidential-symmetric'],
  };
}

/** RFC 7517: the public keys with which the project's tokens can be verified. */
export function jsonWebKeySet(keys: readonly { kid: string; publicJwk: string }[]): object {
  return {
    keys: keys.map(({ kid, publicJwk }) => ({
      ...(JSON.parse(publicJwk) as object),
      kid,
      use: 'sig',
      alg: SIGNING_ALGORITHM,
    })),
  };
}

/** How long a verifier may keep the key set: a token signed now must not outlive its key by more than its own life. */
export const KEY_SET_MAX_AGE_SECONDS = Math.min(300, ACCESS_TOKEN_SECONDS);
