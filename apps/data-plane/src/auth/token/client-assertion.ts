/**
 * Clients that prove who they are with a signed JWT (`private_key_jwt`: RFC 7523, OpenID Connect Core section 9,
 * https://hl7.org/fhir/smart-app-launch/client-confidential-asymmetric.html). The keys come from the address that the
 * client has registered; an assertion is good once.
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import { addSingleUse, isFhirId } from '#fhir-store';
import { decodeJwt, sha256 } from '#platform';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { ClientAuthenticator, type ProvedClient } from '../client-authenticator.js';
import { type ClientKeys, type PublicJwk } from './client-keys.js';

export const ASSERTION_TYPE = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

/** Signatures with public keys only: a key that everybody has must never be taken for a shared secret. */
export const ASSERTION_ALGORITHMS: readonly jwt.Algorithm[] = [
  'ES256',
  'ES384',
  'ES512',
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
];

/** SMART App Launch: an assertion may expire five minutes from now at the latest. */
const MAX_LIFETIME_SECONDS = 300;
/** The clocks of clients are not ours. */
const CLOCK_TOLERANCE_SECONDS = 30;
const MAX_JTI_LENGTH = 255;

export class ClientAssertions {
  constructor(
    private readonly keys: ClientKeys,
    private readonly clients: ClientAuthenticator,
  ) {}

  /**
   * The client that signed `assertion` for one of `tokenUrls`; undefined for every flaw: another audience, issuer and
   * subject that differ, an unknown key, a wrong signature, an expiry that is past or too far away, or an assertion that
   * was used before. Rejects with `unavailable` when the client's keys cannot be fetched.
   */
  async prove(
    runtime: TenantRuntime,
    assertion: string,
    tokenUrls: readonly string[],
  ): Promise<ProvedClient | undefined> {
    const unverified = decodeJwt(assertion);
    const clientId: unknown = unverified?.payload.sub;
    if (unverified === undefined || typeof clientId !== 'string' || !isFhirId(clientId)) return undefined;
    const proved = await this.clients.read(runtime, clientId);
    const jwksUri = proved?.client.jwksUri;
    if (proved === undefined || jwksUri === undefined) return undefined;
    const { alg, kid } = unverified.header;
    const jwk = await this.keys.find(runtime.entry.projectId, jwksUri, kid);
    const claims = jwk === undefined ? undefined : verified(assertion, jwk, alg, clientId, tokenUrls);
    if (claims === undefined) return undefined;
    const isFirst = await runtime.database.use((connection) =>
      addSingleUse(connection, sha256(`assertion|${clientId}|${claims.jti}`), claims.secondsToRemember),
    );
    return isFirst ? proved : undefined;
  }
}

function verified(
  assertion: string,
  jwk: PublicJwk,
  alg: string,
  clientId: string,
  tokenUrls: readonly string[],
): { jti: string; secondsToRemember: number } | undefined {
  // A key that says for which algorithm it is serves no other (RFC 7517 section 4.4).
  if (jwk.alg !== undefined && jwk.alg !== alg) return undefined;
  try {
    const key: KeyObject = createPublicKey({ key: jwk, format: 'jwk' });
    const claims = jwt.verify(assertion, key, {
      algorithms: [...ASSERTION_ALGORITHMS],
      audience: [...tokenUrls] as [string, ...string[]],
      issuer: clientId,
      subject: clientId,
      clockTolerance: CLOCK_TOLERANCE_SECONDS,
    });
    if (typeof claims === 'string' || typeof claims.exp !== 'number') return undefined;
    const secondsLeft = claims.exp - Math.floor(Date.now() / 1000);
    const { jti } = claims;
    if (secondsLeft > MAX_LIFETIME_SECONDS + CLOCK_TOLERANCE_SECONDS) return undefined;
    if (typeof jti !== 'string' || jti === '' || jti.length > MAX_JTI_LENGTH) return undefined;
    return { jti, secondsToRemember: secondsLeft + 2 * CLOCK_TOLERANCE_SECONDS };
  } catch {
    // Whatever a client's token or key does to the verifier, it proves nothing.
    return undefined;
  }
}
