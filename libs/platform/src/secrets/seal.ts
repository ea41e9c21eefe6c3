import { createCipheriv, createDecipheriv, createHash, hkdfSync, randomBytes } from 'node:crypto';
import { DomainError } from '../errors.js';

const format = 1;
const nonceLength = 12;
const tagLength = 16;
const headerLength = 1 + nonceLength + tagLength;

/** 256 random bits as 43 characters of `[A-Za-z0-9_-]`. */
export function generateSecret(): string {
  return randomBytes(32).toString('base64url');
}

/** SHA-256 of the bytes, or of the text's UTF-8 bytes. */
export function sha256(value: string | Buffer): Buffer {
  return createHash('sha256').update(value).digest();
}

/** A 32-byte key for one purpose, from a key that has 256 bits of entropy (HKDF-SHA-256, RFC 5869, without salt). */
export function deriveKey(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), purpose, 32));
}

/**
 * Encrypts with AES-256-GCM under a fresh random nonce. `context` is authenticated, not stored: it says what the value
 * is and whose (`tenant-password:<database id>`), so that a sealed value moved to another row cannot be opened there.
 * The result is: format byte, nonce (12), tag (16), ciphertext.
 */
export function seal(key: Buffer, plaintext: string | Buffer, context: string): Buffer {
  const nonce = randomBytes(nonceLength);
  const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(context, 'utf8'));
  const plain = typeof plaintext === 'string' ? Buffer.from(plaintext, 'utf8') : plaintext;
  const ciphertext = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.of(format), nonce, cipher.getAuthTag(), ciphertext]);
}

/**
 * Gives back what `seal` got. Throws a DomainError (`internal`, `seal-broken`) when the key, the context or a byte of
 * the sealed value is not the one it was sealed with; the error names the context only.
 */
export function open(key: Buffer, sealed: Buffer, context: string): Buffer {
  if (sealed.length < headerLength || sealed[0] !== format) throw sealBroken(context);
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + nonceLength), {
    authTagLength: tagLength,
  });
  decipher.setAAD(Buffer.from(context, 'utf8'));
  decipher.setAuthTag(sealed.subarray(1 + nonceLength, headerLength));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(headerLength)), decipher.final()]);
  } catch (cause) {
    throw sealBroken(context, cause);
  }
}

function sealBroken(context: string, cause?: unknown): DomainError {
  return new DomainError(
    'internal',
    'seal-broken',
    `The secret sealed for "${context}" cannot be opened: another key, another context, or damaged bytes.`,
    { cause },
  );
}
