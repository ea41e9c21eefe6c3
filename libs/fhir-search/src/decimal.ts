/**
 * Decimal numbers of searches (https://hl7.org/fhir/R4/search.html#number). The digits of a number say how exactly it is
 * meant: `100` is everything from 99.5 to 100.5, `100.00` from 99.995 to 100.005. The limits are computed on the digits
 * and turned into the nearest double at the end, as the numbers in the index are, so that a limit and a number with the
 * same digits are the same double and one that is smaller never becomes greater (up to 15 digits, which is all that a
 * JSON number keeps in JavaScript).
 */

/** A number and the half open range that its digits leave open. */
export interface DecimalSpan {
  readonly value: number;
  readonly start: number;
  readonly end: number;
}

const form = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,3}))?$/;
const maxLength = 60;

/** The span of `text`; undefined when it is no decimal number, or one that a double cannot hold. */
export function decimalSpan(text: string): DecimalSpan | undefined {
  const parts = text.length <= maxLength ? form.exec(text) : null;
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = '', power] = parts;
  const digits = BigInt(`${whole}${fraction}`) * (sign === '-' ? -1n : 1n);
  const exponent = Number(power ?? 0) - fraction.length;
  // The standard reads `1e2` as 95 to 105: a number with an exponent is taken a digit more exactly than it is written.
  const shift = power === undefined ? 1 : 2;
  const at = (offset: bigint) => Number(`${digits * 10n ** BigInt(shift) + offset}e${exponent - shift}`);
  const value = Number(text);
  return Number.isFinite(value) ? { value, start: at(-5n), end: at(5n) } : undefined;
}

const float = new Float64Array(1);
const bits = new BigInt64Array(float.buffer);

/** The next double above `value`; infinity stays. */
export function nextUp(value: number): number {
  if (value === Infinity || Number.isNaN(value)) return value;
  if (value === 0) return Number.MIN_VALUE;
  float[0] = value;
  bits[0] = (bits[0] ?? 0n) + (value > 0 ? 1n : -1n);
  return float[0];
}

/** The next double below `value`; infinity stays. */
export const nextDown = (value: number): number => -nextUp(-value);
