/**
 * The escapes of search values (https://hl7.org/fhir/R4/search.html#escaping): `\,` `\|` `\$` and `\\` stand for the
 * character itself; a backslash before anything else is a backslash.
 */

/** Splits at every `separator` that is not escaped. The parts keep their escapes. */
export function splitUnescaped(text: string, separator: ',' | '|' | '$'): string[] {
  const parts: string[] = [];
  let start = 0;
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === separator) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  parts.push(text.slice(start));
  return parts;
}

/** The text that an escaped one stands for. */
export function unescapeValue(text: string): string {
  return text.includes('\\') ? text.replace(/\\([,|$\\])/g, '$1') : text;
}

/** The text as one value, or one part of a value: what `unescapeValue` gives back. */
export const escapeValue = (text: string): string => text.replace(/[\\,|$]/g, '\\$&');
