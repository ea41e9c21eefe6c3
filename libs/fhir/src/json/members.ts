/** A piece of a JSON text in normal form: [start, end) covers the whole member or item, the value starts at `value`. */
export interface Span {
  start: number;
  value: number;
  end: number;
}

/**
 * The members of the object, or the items of the array, that `text` is, in order and without looking inside them.
 * `text` must be in normal form (see normalForm): nothing is checked.
 */
export function spansOf(text: string): Span[] {
  const spans: Span[] = [];
  const isObject = text.startsWith('{');
  const last = text.length - 1;
  for (let at = 1; at < last;) {
    const value = isObject ? endOfString(text, at) + 1 : at;
    const end = endOfValue(text, value);
    spans.push({ start: at, value, end });
    at = end + 1;
  }
  return spans;
}

/** The name of the member at `span`, with its escapes resolved. */
export function memberName(text: string, span: Span): string {
  const name = text.slice(span.start + 1, span.value - 2);
  return name.includes('\\') ? (JSON.parse(`"${name}"`) as string) : name;
}

const quote = 0x22;
const comma = 0x2c;
const openBracket = 0x5b;
const backslash = 0x5c;
const closeBracket = 0x5d;
const openBrace = 0x7b;
const closeBrace = 0x7d;

/** The position behind the value that starts at `at`. */
function endOfValue(text: string, at: number): number {
  let depth = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      at = endOfString(text, at);
      if (depth === 0) return at;
      continue;
    }
    if (code === openBrace || code === openBracket) depth++;
    else if (code === closeBrace || code === closeBracket) {
      if (depth === 0) return at;
      if (--depth === 0) return at + 1;
    } else if (code === comma && depth === 0) return at;
    at++;
  }
}

/** The position behind the string that starts at `at`: behind the first quote with an even number of backslashes. */
function endOfString(text: string, at: number): number {
  for (let end = text.indexOf('"', at + 1); ; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
}
