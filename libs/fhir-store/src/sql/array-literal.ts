/**
 * PostgreSQL array literals (https://www.postgresql.org/docs/18/arrays.html#ARRAYS-INPUT), written here rather than by
 * the driver, which quotes and escapes every element whatever it is.
 */

/** For elements without quotes, commas, braces, backslashes or white space: numbers, UUIDs, instants. */
export const plainArray = (elements: readonly (string | number | null)[]): string =>
  `{${elements.map((element) => element ?? 'NULL').join(',')}}`;

/** For any text. Texts that follow themselves, as in columns that seldom change, are written once. */
export function textArray(elements: readonly string[]): string {
  let last: string | undefined;
  let written = '';
  const all = elements.map((text) => {
    if (text !== last) {
      written = textElement(text);
      last = text;
    }
    return written;
  });
  return `{${all.join(',')}}`;
}

/** Most texts have nothing to escape, and asking costs less than replacing. */
function textElement(text: string): string {
  return `"${needsEscape.test(text) ? text.replace(/["\\]/g, '\\$&') : text}"`;
}

const needsEscape = /["\\]/;

/**
 * Joins JSON texts for `string_to_array($n, separator)`: the character cannot occur in JSON in normal form, which
 * escapes control characters in strings and has no white space outside them, so the texts need no escaping at all.
 */
export const jsonSeparator = '\u001e';
