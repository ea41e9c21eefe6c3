/**
 * JSON values that keep the text of their numbers, for whatever changes a stored text: a patch, `$meta-add`. A number is
 * carried as a string that starts with NUL, which no string of a text in normal form can hold; so such a value is plain
 * data that can be cloned, compared and moved about like any other.
 */
import { isJsonObject, type JsonValue } from '../json/json-value.js';

const numberMark = '\u0000';

/** Reads `text`, which must be in normal form; the numbers of the result are marked strings. */
export function readLossless(text: string): JsonValue {
  return JSON.parse(markNumbers(text)) as JsonValue;
}

/** Writes a value that `readLossless` made, or that was made of parts of such. Strings may get other escapes. */
export function writeLossless(value: JsonValue): string {
  return JSON.stringify(value).replace(markedNumber, '$1');
}

/** The same value with ordinary numbers, for readers that calculate with them. */
export function plainValue(value: JsonValue): JsonValue {
  return JSON.parse(writeLossless(value)) as JsonValue;
}

/** In a written text only a marked number starts with an escaped NUL: a backslash in a string is always doubled. */
const markedNumber = /"\\u0000(-?[0-9][0-9.eE+-]*)"/g;

const numberText = /-?[0-9][0-9.eE+-]*/g;

/** Puts every number into quotes and behind the mark. Between two strings there is little text, and no other digits. */
function markNumbers(text: string): string {
  let marked = '';
  let at = 0;
  while (at < text.length) {
    const quote = text.indexOf('"', at);
    const end = quote === -1 ? text.length : quote;
    marked += text.slice(at, end).replace(numberText, '"\\u0000$&"');
    if (quote === -1) break;
    at = endOfString(text, quote);
    marked += text.slice(quote, at);
  }
  return marked;
}

function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === 0x5c) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  throw new Error('The text is not JSON in normal form.');
}

/** Whether two such values are equal; numbers are when they mean the same: `1.00` and `1` (RFC 6902 section 4.6). */
export function equalValues(one: JsonValue | undefined, other: JsonValue | undefined): boolean {
  if (one === other) return true;
  if (typeof one === 'string' && typeof other === 'string') {
    return (
      one.startsWith(numberMark) && other.startsWith(numberMark) && canonicalNumber(one) === canonicalNumber(other)
    );
  }
  if (Array.isArray(one) && Array.isArray(other)) {
    return one.length === other.length && one.every((item, index) => equalValues(item, other[index]));
  }
  if (!isJsonObject(one) || !isJsonObject(other)) return false;
  const names = Object.keys(one);
  return (
    names.length === Object.keys(other).length &&
    names.every((name) => Object.hasOwn(other, name) && equalValues(one[name], other[name]))
  );
}

const numberForm = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,15}))?$/;

/** Digits without zeros at their ends, and the power of ten of the last one: exact for any number of digits. */
function canonicalNumber(marked: string): string {
  // Nobody writes an exponent of more digits in earnest; such a number equals only itself.
  const parts = numberForm.exec(marked.slice(1));
  if (parts === null) return marked;
  const [, sign = '', whole = '', fraction = '', exponent = '0'] = parts;
  const digits = (whole + fraction).replace(/^0+/, '');
  const significant = withoutZerosAtEnd(digits);
  if (significant === '') return '0';
  return `${sign}${significant}e${Number(exponent) - fraction.length + digits.length - significant.length}`;
}

/** A regular expression would look at each run of zeros from each of its zeros on. */
function withoutZerosAtEnd(digits: string): string {
  let end = digits.length;
  while (end > 0 && digits[end - 1] === '0') end--;
  return digits.slice(0, end);
}
