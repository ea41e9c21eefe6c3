/**
 * The words of a text, for `_text` and `_content` (https://hl7.org/fhir/R4/search.html#content), and the forms in which
 * PostgreSQL takes words: lexemes of a `tsvector` and of a `tsquery`. A word is a run of letters and digits in the
 * normalised text. Words are found here and not by PostgreSQL's parser, so that they do not depend on its settings, and
 * no word is a stop word or has its ending cut off, because the language of a text is not known.
 */
import { normaliseText } from './normalised-text.js';

/** The longest word that is told apart, in UTF-16 units. */
const maxWordLength = 64;

/** The distinct words of `text`. */
export function wordsOf(text: string): string[] {
  const normalised = normaliseText(text);
  const found = normalised.match(isAscii.test(normalised) ? asciiWord : anyWord) ?? [];
  const distinct = new Set<string>();
  for (const word of found) distinct.add(word.length > maxWordLength ? word.slice(0, maxWordLength) : word);
  return [...distinct];
}

// eslint-disable-next-line no-control-regex -- all of ASCII is meant, control characters too
const isAscii = /^[\x00-\x7f]*$/;
const asciiWord = /[a-z0-9]+/g;
const anyWord = /[\p{L}\p{N}\p{M}]+/gu;

/** A lexeme as PostgreSQL reads it in the text of a `tsvector` or `tsquery`. */
export const quoteLexeme = (lexeme: string): string => `'${lexeme.replace(/['\\]/g, '$&$&')}'`;
