import { generateKeyPair } from 'node:crypto';
import { promisify } from 'node:util';
import type { NewSigningKey } from '#control-database';
import { seal, uuidv7 } from '#platform';
import { signingKeyContext } from '#tenancy';

const generate = promisify(generateKeyPair);

/**
 * A new ES256 key pair (RFC 7518 section 3.4, https://www.rfc-editor.org/rfc/rfc7518#section-3.4): the public half as a
 * JWK, the private half as PKCS #8 (DER), sealed with the project's data key.
 */
export async function newSigningKey(projectId: string, dataKey: Buffer): Promise<NewSigningKey> {
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
