/**
 * `_text` and `_content` (https://hl7.org/fhir/R4/search.html#content): the resource has the words of the value, in its
 * narrative or in any of its texts, in any order, whole words; see words-query.ts for how they are joined.
 */
import type { Condition } from '../search-plan.js';
import type { Criterion } from '../search-request.js';
import { unescapeValue } from '../value-text.js';
import { parseWordsQuery, type WordsQuery } from '../words-query.js';
import { quoteLexeme } from '../words.js';
import { badValue, modifierNotSupported } from './parameter-type.js';

type FullTextCriterion = Extract<Criterion, { kind: 'full-text' }>;

/** Reads the values of `_text` or `_content`. Throws an OutcomeError for a modifier, or a value that asks for no words. */
export function parseFullText(
  code: '_text' | '_content',
  modifier: string | undefined,
  values: readonly string[],
): FullTextCriterion {
  if (modifier !== undefined) throw modifierNotSupported(code, modifier);
  const queries = values.map((value) => {
    const parsed = parseWordsQuery(unescapeValue(value));
    if ('flaw' in parsed) throw badValue(code, value.slice(0, 20), parsed.flaw);
    return parsed.query;
  });
  return { kind: 'full-text', in: code === '_text' ? 'narrative' : 'content', values: queries };
}

/** The words of the narrative carry the weight A in the index. */
export function fullTextCondition({ in: place, values }: FullTextCriterion): Condition {
  const weight = place === 'narrative' ? ':A' : '';
  return { kind: 'words', query: values.map((query) => `(${tsquery(query, weight)})`).join(' | ') };
}

function tsquery(query: WordsQuery, weight: string): string {
  if (typeof query === 'string') return `${quoteLexeme(query)}${weight}`;
  const parts = query.parts.map((part) =>
    typeof part === 'string' ? tsquery(part, weight) : `(${tsquery(part, weight)})`,
  );
  return parts.join(query.kind === 'and' ? ' & ' : ' | ');
}
