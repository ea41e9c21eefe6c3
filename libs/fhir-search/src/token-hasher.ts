/**
 * Turns index texts into the 128-bit values that stand in `resource.tok` and `resource_reference.target`.
 *
 * The hash is SHA-256 over the project's key followed by the text, cut to 128 bits. At that width two different texts
 * do not meet by chance, and nobody can make them meet (finding one pair takes 2^64 tries), so an answer found by hash
 * needs no second look at the resource. The key makes equal texts differ between projects, so that index values of one
 * project say nothing about another. `crypto.hash` is used because it is the cheapest way of hashing a short text in
 * Node (0.5 µs against 2 µs for an HMAC object and 4 µs for two SipHash-2-4 in JavaScript); an HMAC would add nothing,
 * since the value authenticates nothing and is never shown.
 */
import { hash } from 'node:crypto';

export interface TokenHasher {
  /** 32 lower-case hex digits: text that PostgreSQL reads as a `uuid`. Equal texts give equal values, per project. */
  hash(text: string): string;
  /** The same value, kept for the next time: for texts that occur in most resources, such as "has a gender". */
  hashOften(text: string): string;
}

const HEX_DIGITS = 32;

/** Some 50 kB per project that is in use. What is kept is given up as a whole when it is full, which costs less than an order. */
const maxKept = 300;

/** The hasher of one project. `key` is 32 secret bytes that stay the same for the life of the project's index. */
export function tokenHasher(key: Buffer): TokenHasher {
  if (key.length !== 32) throw new RangeError('The key of a token hasher has 32 bytes.');
  const prefix = key.toString('base64');
  const hashText = (text: string) => hash('sha256', prefix + text, 'hex').slice(0, HEX_DIGITS);
  const kept = new Map<string, string>();
  return {
    hash: hashText,
    hashOften: (text) => {
      const known = kept.get(text);
      if (known !== undefined) return known;
      if (kept.size >= maxKept) kept.clear();
      const made = hashText(text);
      kept.set(text, made);
      return made;
    },
  };
}
