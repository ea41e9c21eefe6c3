/**
 * Walks over JSON text in normal form (no white space outside strings, known to be valid) without parsing it, for the few
 * places that must change a stored text and keep everything else of it as it came.
 */

const quote = 0x22;
const colon = 0x3a;
const backslash = 0x5c;

/** A string in the text: [start, end) with its quotes. */
export interface JsonString {
  readonly start: number;
  readonly end: number;
  /** It is the name of a member, not a value. */
  readonly isName: boolean;
  /** How many objects and arrays are open around it. */
  readonly depth: number;
}

/** Every string of `text`, in order. */
export function* jsonStrings(text: string): Generator<JsonString> {
  let depth = 0;
  for (let at = 0; at < text.length;) {
    const code = text.charCodeAt(at);
    if (code === quote) {
      const end = endOfString(text, at);
      yield { start: at, end, isName: text.charCodeAt(end) === colon, depth };
      at = end;
    } else {
      // The codes of [ and {, and of ] and }, differ in one bit.
      if ((code | 0x20) === 0x7b) depth++;
      else if ((code | 0x20) === 0x7d) depth--;
      at++;
    }
  }
}

/** `members`, the text of JSON members with a comma before each, without those of the given names. */
export function withoutMembers(members: string, names: ReadonlySet<string>): string {
  const starts: { name: string; start: number }[] = [];
  for (const { start, end, isName, depth } of jsonStrings(members)) {
    if (isName && depth === 0) starts.push({ name: JSON.parse(members.slice(start, end)) as string, start: start - 1 });
  }
  return starts
    .map(({ name, start }, position) => (names.has(name) ? '' : members.slice(start, starts[position + 1]?.start)))
    .join('');
}

/** The position behind the string that starts at `start`: behind the first quote that is not escaped. */
export function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let backslashes = 0;
    while (text.charCodeAt(end - 1 - backslashes) === backslash) backslashes++;
    if (backslashes % 2 === 0) return end + 1;
  }
  throw new Error('The text is not JSON in normal form.');
}
