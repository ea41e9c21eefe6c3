/**
 * The tokens of a project: JWTs signed with its own ES256 key (RFC 7518), access tokens in the form of RFC 9068. Which
 * project a token belongs to is decided by the route that it is shown at, never by the token.
 */
import jwt from 'jsonwebtoken';
import { decodeJwt } from '#platform';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';

const ACCESS_TOKEN_TYPE = 'at+jwt';
export const SIGNING_ALGORITHM = 'ES256';

/** What an access token says. */
export interface AccessClaims {
  readonly iss: string;
  readonly aud: string;
  /** Id of the profile; `oauth2/userinfo` says the same. */
  readonly sub: string;
  /** The client through which the log-in was made, or which logged in itself; absent for a person without a client. */
  readonly client_id?: string;
  readonly login_id: string;
  /** Whose membership it is: id of a User, or of the client itself. */
  readonly username: string;
  /** Id of the one ProjectMembership to which the token is bound for its whole life. */
  readonly membership: string;
  readonly scope: string;
  /** `Practitioner/<id>` */
  readonly profile: string;
  readonly iat: number;
  readonly exp: number;
}

/** What tokens are given for. */
export interface TokenSubject {
  readonly issuer: string;
  readonly loginId: string;
  readonly scope: string;
  readonly membershipId: string;
  /** `User/<id>`, or `ClientApplication/<id>` for a client that logged in itself. */
  readonly user: string;
  /** `Practitioner/<id>` */
  readonly profile: string;
  readonly clientId?: string;
  readonly nonce?: string;
  /** What the client is told of the context in which it works: `Patient/<id>`, `Encounter/<id>`. */
  readonly patient?: string;
  readonly encounter?: string;
  /** When the person or client proved who it is. */
  readonly authTime: Date;
  readonly accessTokenSeconds: number;
}

/** A new access token. */
export function signAccessToken(runtime: TenantRuntime, subject: TokenSubject): string {
  const claims = {
    ...(subject.clientId === undefined ? {} : { client_id: subject.clientId }),
    login_id: subject.loginId,
    username: idOf(subject.user),
    membership: subject.membershipId,
    scope: subject.scope,
    profile: subject.profile,
  };
  return sign(runtime, subject, claims, runtime.entry.projectId, ACCESS_TOKEN_TYPE);
}

/**
 * The ID token that goes with it (OpenID Connect Core section 2); its audience is the client (the issuer itself when there
 * was none), so it is no access token.
 */
export function signIdToken(runtime: TenantRuntime, subject: TokenSubject): string {
  const claims = {
    login_id: subject.loginId,
    fhirUser: subject.profile,
    auth_time: Math.floor(subject.authTime.getTime() / 1000),
    ...(subject.nonce === undefined ? {} : { nonce: subject.nonce }),
  };
  return sign(runtime, subject, claims, subject.clientId ?? subject.issuer, 'JWT');
}

function sign(runtime: TenantRuntime, subject: TokenSubject, claims: object, audience: string, typ: string): string {
  const { kid, privateKey } = runtime.signingKey();
  return jwt.sign(claims, privateKey, {
    algorithm: SIGNING_ALGORITHM,
    keyid: kid,
    header: { alg: SIGNING_ALGORITHM, typ },
    issuer: subject.issuer,
    audience,
    subject: idOf(subject.profile),
    expiresIn: subject.accessTokenSeconds,
  });
}

const idOf = (reference: string): string => reference.slice(reference.indexOf('/') + 1);

/** The key id of a token that claims to be an access token of ours; undefined for anything else. Nothing is verified. */
export function keyIdOf(token: string): string | undefined {
  const header = decodeJwt(token)?.header;
  if (header?.typ !== ACCESS_TOKEN_TYPE || header.alg !== SIGNING_ALGORITHM) return undefined;
  return header.kid;
}

/** The claims of a token that this project has signed and that has not expired; undefined for every other text. */
export function verifiedClaims(runtime: TenantRuntime, token: string): AccessClaims | undefined {
  const kid = keyIdOf(token);
  const key = kid === undefined ? undefined : runtime.verifyingKey(kid);
  if (key === undefined) return undefined;
  try {
    const claims: unknown = jwt.verify(token, key, { algorithms: [SIGNING_ALGORITHM] });
    return isAccessClaims(claims) ? claims : undefined;
  } catch {
    // Whatever the verifier says about a text that somebody sent, of whatever kind its error is: it proves nothing.
    return undefined;
  }
}

/** Whether a verified payload has all that an access token must have. */
export function isAccessClaims(payload: unknown): payload is AccessClaims {
  if (typeof payload !== 'object' || payload === null) return false;
  const claims = payload as Record<string, unknown>;
  const texts = ['iss', 'aud', 'sub', 'login_id', 'username', 'membership', 'scope', 'profile'];
  const { client_id: clientId, exp } = claims;
  return (
    texts.every((name) => typeof claims[name] === 'string') &&
    (clientId === undefined || typeof clientId === 'string') &&
    typeof exp === 'number'
  );
}
