/**
 * `_text` and `_content` (https://hl7.org/fhir/R4/search.html#content): the resource has all words of the value, in its
 * narrative or in any of its texts, in any order, whole words.
 */
import type { Condition } from '../search-plan.js';
import type { Criterion } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { quoteLexeme, wordsOf } from '../words.js';
import { badValue, modifierNotSupported } from './parameter-type.js';

type FullTextCriterion = Extract<Criterion, { kind: 'full-text' }>;

const maxWords = 50;

/** Reads the values of `_text` or `_content`. Throws an OutcomeError for a modifier, or a value without words. */
export function parseFullText(
  code: '_text' | '_content',
  modifier: string | undefined,
  values: readonly string[],
): FullTextCriterion {
  if (modifier !== undefined) throw modifierNotSupported(code, modifier);
  const words = values.map((value) => {
    const found = wordsOf(unescapeValue(value));
    if (found.length === 0 || found.length > maxWords) {
      throw badValue(code, value.slice(0, 20), `expected 1 to ${maxWords} words`);
    }
    return found;
  });
  return { kind: 'full-text', in: code === '_text' ? 'narrative' : 'content', values: words };
}

/** The words of the narrative carry the weight A in the index. */
export function fullTextCondition({ in: place, values }: FullTextCriterion): Condition {
  const weight = place === 'narrative' ? ':A' : '';
  const all = values.map((words) => words.map((word) => `${quoteLexeme(word)}${weight}`).join(' & '));
  return { kind: 'words', query: all.map((query) => `(${query})`).join(' | ') };
}
