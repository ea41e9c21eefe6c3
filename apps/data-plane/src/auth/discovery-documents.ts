/**
 * What a project publishes about its identity endpoints. Addresses are those of the request's route, so that a client
 * behind a prefix finds them; the issuer is the project's canonical base URL, which is what its tokens say.
 */
import { SIGNING_ALGORITHM } from './access-token.js';
import { ASSERTION_ALGORITHMS } from './token/client-assertion.js';
import { grants } from './token/grants.js';

export interface DiscoveryAddress {
  readonly issuer: string;
  readonly baseUrl: string;
}

const CLIENT_AUTHENTICATION = ['none', 'client_secret_basic', 'client_secret_post', 'private_key_jwt'];
const CODE_CHALLENGE_METHODS = ['S256', 'plain'];
const SCOPES = [
  'openid',
  'profile',
  'email',
  'phone',
  'address',
  'fhirUser',
  'launch',
  'launch/patient',
  'launch/encounter',
  'offline_access',
  'patient/*.cruds',
  'user/*.cruds',
  'system/*.cruds',
];
/** https://hl7.org/fhir/smart-app-launch/conformance.html#capabilities */
const SMART_CAPABILITIES = [
  'launch-ehr',
  'launch-standalone',
  'authorize-post',
  'client-public',
  'client-confidential-symmetric',
  'client-confidential-asymmetric',
  'sso-openid-connect',
  'context-ehr-patient',
  'context-ehr-encounter',
  'context-standalone-patient',
  'permission-offline',
  'permission-patient',
  'permission-user',
  'permission-v1',
  'permission-v2',
];

/** RFC 8414. */
export function authorizationServerMetadata({ issuer, baseUrl }: DiscoveryAddress): object {
  return {
    issuer,
    authorization_endpoint: `${baseUrl}oauth2/authorize`,
    token_endpoint: `${baseUrl}oauth2/token`,
    introspection_endpoint: `${baseUrl}oauth2/introspect`,
    jwks_uri: `${baseUrl}.well-known/jwks.json`,
    grant_types_supported: [...grants.keys()],
    token_endpoint_auth_methods_supported: CLIENT_AUTHENTICATION,
    token_endpoint_auth_signing_alg_values_supported: ASSERTION_ALGORITHMS,
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    code_challenge_methods_supported: CODE_CHALLENGE_METHODS,
    authorization_response_iss_parameter_supported: true,
    scopes_supported: SCOPES,
  };
}

/** OpenID Connect Discovery 1.0, section 3. */
export function openidConfiguration(address: DiscoveryAddress): object {
  return {
    ...authorizationServerMetadata(address),
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: [SIGNING_ALGORITHM],
    userinfo_endpoint: `${address.baseUrl}oauth2/userinfo`,
    end_session_endpoint: `${address.baseUrl}oauth2/logout`,
  };
}

/** SMART App Launch, https://hl7.org/fhir/smart-app-launch/conformance.html. */
export function smartConfiguration(address: DiscoveryAddress): object {
  return {
    ...openidConfiguration(address),
    // SMART App Launch forbids to offer `plain` there, although it is accepted.
    code_challenge_methods_supported: ['S256'],
    capabilities: SMART_CAPABILITIES,
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
export const KEY_SET_MAX_AGE_SECONDS = 300;

/** RFC 9728: the FHIR API as a resource that this authorization server protects. */
export function protectedResourceMetadata({ issuer, baseUrl }: DiscoveryAddress): object {
  return {
    resource: `${baseUrl}fhir/`,
    authorization_servers: [issuer],
    jwks_uri: `${baseUrl}.well-known/jwks.json`,
    scopes_supported: SCOPES,
    bearer_methods_supported: ['header'],
  };
}
