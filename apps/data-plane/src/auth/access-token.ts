/**
 * The tokens of a project: JWTs signed with its own ES256 key (RFC 7518), access tokens in the form of RFC 9068. Which
 * project a token belongs to is decided by the route that it is shown at, never by the token.
 */
import jwt from 'jsonwebtoken';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import type { Principal } from './session.js';

const ACCESS_TOKEN_TYPE = 'at+jwt';
export const ACCESS_TOKEN_SECONDS = 3600;
export const SIGNING_ALGORITHM = 'ES256';

/** What an access token says. */
export interface AccessClaims {
  readonly iss: string;
  readonly aud: string;
  readonly sub: string;
  readonly client_id: string;
  readonly login_id: string;
  /** Id of the one ProjectMembership to which the token is bound for its whole life. */
  readonly membership: string;
  readonly scope: string;
  /** `ClientApplication/<id>`. */
  readonly profile: string;
  readonly iat: number;
  readonly exp: number;
}

export interface TokenSubject {
  readonly issuer: string;
  readonly loginId: string;
  readonly scope: string;
  readonly principal: Principal;
}

/** A new access token, good for an hour. */
export function signAccessToken(runtime: TenantRuntime, subject: TokenSubject): string {
  const { principal, issuer, loginId, scope } = subject;
  const { kid, privateKey } = runtime.signingKey();
  const claims = {
    client_id: principal.clientId,
    login_id: loginId,
    membership: principal.membershipId,
    scope,
    profile: principal.profile.reference,
  };
  return jwt.sign(claims, privateKey, {
    algorithm: SIGNING_ALGORITHM,
    keyid: kid,
    header: { alg: SIGNING_ALGORITHM, typ: ACCESS_TOKEN_TYPE },
    issuer,
    audience: runtime.entry.projectId,
    subject: principal.clientId,
    expiresIn: ACCESS_TOKEN_SECONDS,
  });
}

/** The ID token that goes with it (OpenID Connect Core section 2); its audience is the client, so it is no access token. */
export function signIdToken(runtime: TenantRuntime, subject: TokenSubject): string {
  const { principal, issuer, loginId } = subject;
  const { kid, privateKey } = runtime.signingKey();
  return jwt.sign({ login_id: loginId, fhirUser: principal.profile.reference }, privateKey, {
    algorithm: SIGNING_ALGORITHM,
    keyid: kid,
    issuer,
    audience: principal.clientId,
    subject: principal.clientId,
    expiresIn: ACCESS_TOKEN_SECONDS,
  });
}

/** The key id of a token that claims to be an access token of ours; undefined for anything else. Nothing is verified. */
export function keyIdOf(token: string): string | undefined {
  const header = jwt.decode(token, { complete: true })?.header;
  if (header?.typ !== ACCESS_TOKEN_TYPE || header.alg !== SIGNING_ALGORITHM) return undefined;
  return header.kid;
}

/** Whether a verified payload has all that an access token must have. */
export function isAccessClaims(payload: unknown): payload is AccessClaims {
  if (typeof payload !== 'object' || payload === null) return false;
  const claims = payload as Record<string, unknown>;
  const texts = ['iss', 'aud', 'sub', 'client_id', 'login_id', 'membership', 'scope', 'profile'];
  return texts.every((name) => typeof claims[name] === 'string') && typeof claims.exp === 'number';
}
