/** The longest text that `resource_string.value` holds, in UTF-16 units: an index entry has room for it in any script. */
export const maxIndexedText = 256;

/**
 * The form in which strings are compared: compatibility characters and accents resolved, lower case, each run of white
 * space one blank (https://hl7.org/fhir/R4/search.html#string). `Ångström  Müller` becomes `angstrom muller`.
 */
export function normaliseText(text: string): string {
  // Plain ASCII is by far the commonest, and it needs no Unicode tables.
  const folded = isAscii.test(text) ? text : text.normalize('NFKD').replace(combiningMarks, '');
  return folded.toLowerCase().replace(whiteSpace, ' ').trim();
}

/** The first `maxIndexedText` units, never ending within a character. */
export function cutToIndex(text: string): string {
  if (text.length <= maxIndexedText) return text;
  const last = text.charCodeAt(maxIndexedText - 1);
  const endsWithinCharacter = last >= 0xd800 && last <= 0xdbff;
  return text.slice(0, endsWithinCharacter ? maxIndexedText - 1 : maxIndexedText);
}

/** PostgreSQL's text cannot hold the character NUL, which JSON can. */
export function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '') : text;
}

// eslint-disable-next-line no-control-regex -- all of ASCII is meant, control characters too
const isAscii = /^[\x00-\x7f]*$/;
const combiningMarks = /\p{M}+/gu;
// eslint-disable-next-line no-control-regex -- NUL counts as white space: a text column cannot hold it
const whiteSpace = /[\s\x00]+/g;
