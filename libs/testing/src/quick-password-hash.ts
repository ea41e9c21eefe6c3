import { randomBytes, scryptSync } from 'node:crypto';

/**
 * A hash of `password` in the form that `hashPassword` of #platform gives, but one that costs next to nothing to verify: for
 * tests in which people log in many times and which are not about passwords.
 */
export function quickPasswordHash(password: string): string {
  const salt = randomBytes(16);
  const hash = scryptSync(password.normalize('NFKC'), salt, 32, { N: 2 ** 4, r: 1, p: 1 });
  return `$scrypt$ln=4,r=1,p=1$${encode(salt)}$${encode(hash)}`;
}

function encode(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}
