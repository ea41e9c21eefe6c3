import { randomFillSync } from 'node:crypto';
import { v7 } from 'uuid';

/** Prefixes of the control plane's public ids: operation, API key, cluster, rollout, backup, domain. */
export type IdPrefix = 'op' | 'key' | 'cl' | 'rol' | 'bk' | 'dom';

/** A UUID of version 7 (RFC 9562 section 5.7, https://www.rfc-editor.org/rfc/rfc9562#section-5.7): ordered by time. */
export function uuidv7(): string {
  return v7();
}

const crockfordAlphabet = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * A public id: the prefix, `_`, and 26 characters of Crockford's base 32 (10 of milliseconds since 1970, 16 of 80
 * random bits), so that ids of different milliseconds sort by the time they were made.
 */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${encodeTime(Date.now())}${randomCharacters(16)}`;
}

function encodeTime(milliseconds: number): string {
  let rest = milliseconds;
  let text = '';
  for (let position = 0; position < 10; position++) {
    text = crockfordAlphabet.charAt(rest % 32) + text;
    rest = Math.floor(rest / 32);
  }
  return text;
}

function randomCharacters(count: number): string {
  let text = '';
  // 256 is a multiple of 32, so the low five bits of a random byte are unbiased.
  for (const byte of randomFillSync(new Uint8Array(count))) text += crockfordAlphabet.charAt(byte & 31);
  return text;
}
