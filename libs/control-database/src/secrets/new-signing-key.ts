import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import { seal, uuidv7 } from '#platform';
import type { ProjectId } from '../ids.js';
import type { NewSigningKey } from './signing-key.repository.js';

const generate = promisify(generateKeyPair);

/** What a private signing key (PKCS #8, DER) is sealed with, under the project's data key. */
export const signingKeyContext = (kid: string): string => `signing-key:${kid}`;

/**
 * A new ES256 key pair (RFC 7518 section 3.4, https://www.rfc-editor.org/rfc/rfc7518#section-3.4): the public half as a
 * JWK, the private half as PKCS #8 (DER), sealed with the project's data key.
 */
export async function newSigningKey(projectId: ProjectId, dataKey: Buffer): Promise<NewSigningKey> {
  const kid = uuidv7();
  const { publicKey, privateKey } = await generate('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  return {
    kid,
    projectId,
    publicJwk: { kty, crv, x, y, kid, use: 'sig', alg: 'ES256' },
    privateSealed: seal(dataKey, privateKey.export({ format: 'der', type: 'pkcs8' }), signingKeyContext(kid)),
  };
}
