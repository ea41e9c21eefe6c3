import type { JsonFields } from './json-fields.js';

/** Passwords that people choose; longer ones than this are beyond what some password stores tell apart. */
const MIN_BYTES = 8;
const MAX_BYTES = 72;

/** Why a password cannot be chosen; undefined for one that can. */
export function passwordFlaw(password: string): string | undefined {
  const bytes = Buffer.byteLength(password, 'utf8');
  const isGood = bytes >= MIN_BYTES && bytes <= MAX_BYTES;
  return isGood ? undefined : `A password must have between ${MIN_BYTES} and ${MAX_BYTES} bytes`;
}

/** Reads a password that somebody chooses; one that is too short or too long becomes an issue of `fields`. */
export function chosenPassword(fields: JsonFields, name: string): string {
  const password = fields.raw(name);
  if (password === undefined) return fields.required(name);
  const flaw = passwordFlaw(password);
  if (flaw !== undefined) fields.fail(name, flaw);
  return password;
}
