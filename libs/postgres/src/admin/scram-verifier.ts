import { createHash, createHmac, pbkdf2Sync, randomBytes } from 'node:crypto';

/**
 * What PostgreSQL stores for a password under SCRAM-SHA-256 (RFC 5802 section 3 and RFC 7677). Made here, so that no
 * statement, and no log or statistics view of statements, ever holds the password. One iteration is enough for what a
 * machine has made from 256 random bits, and it takes most of the cost out of opening a connection; a password that a
 * person chose must not be stored this way. The password must be ASCII.
 */
export function scramVerifier(password: string, iterations = 1): string {
  const salt = randomBytes(16);
  const salted = pbkdf2Sync(password, salt, iterations, 32, 'sha256');
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64');
  const serverKey = hmac(salted, 'Server Key').toString('base64');
  return `SCRAM-SHA-256$${iterations}:${salt.toString('base64')}$${storedKey}:${serverKey}`;
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
