/**
 * The values of `_text` and `_content` as questions about words (https://hl7.org/fhir/R4/search.html#content): `and`, `or`
 * and parentheses as in the standard's own example, `(bone OR liver) and metastases`, in capitals or not. Words beside each
 * other must all be there, and `and` binds them closer than `or`. An `and` or `or` with nothing to join is a word.
 */
import { wordsOf } from './words.js';

/** A word, or several questions joined. */
export type WordsQuery = string | { readonly kind: 'and' | 'or'; readonly parts: readonly WordsQuery[] };

const maxDepth = 20;
const maxWords = 50;

/** The question that `text` asks, or in words why there is none. */
export function parseWordsQuery(text: string): { readonly query: WordsQuery } | { readonly flaw: string } {
  const steps = text.match(/[()]|[^\s()]+/g) ?? [];
  const shape = flawOf(steps);
  if (shape !== undefined) return { flaw: shape };
  const { query, words } = new WordsReader(steps).read();
  if (query === undefined || words > maxWords) return { flaw: `expected 1 to ${maxWords} words` };
  return { query };
}

function flawOf(steps: readonly string[]): string | undefined {
  let depth = 0;
  for (const step of steps) {
    if (step === '(' && ++depth > maxDepth) return `parentheses may be nested ${maxDepth} deep`;
    if (step === ')' && --depth < 0) break;
  }
  return depth === 0 ? undefined : 'its parentheses do not match';
}

class WordsReader {
  private at = 0;
  private words = 0;

  constructor(private readonly steps: readonly string[]) {}

  read(): { query: WordsQuery | undefined; words: number } {
    const query = this.alternatives();
    return { query, words: this.words };
  }

  private alternatives(): WordsQuery | undefined {
    const parts = [this.together()];
    while (this.takesOperator('or')) parts.push(this.together());
    return join('or', parts);
  }

  private together(): WordsQuery | undefined {
    const parts: (WordsQuery | undefined)[] = [];
    for (;;) {
      const step = this.steps[this.at];
      if (step === undefined || step === ')') break;
      if (parts.length > 0 && this.isOperator('or')) break;
      if (parts.length > 0 && this.takesOperator('and')) continue;
      this.at++;
      if (step !== '(') parts.push(this.word(step));
      else {
        parts.push(this.alternatives());
        this.at++;
      }
    }
    return join('and', parts);
  }

  /** A run of characters may hold several words, or none. */
  private word(text: string): WordsQuery | undefined {
    const words = wordsOf(text);
    this.words += words.length;
    return join('and', words);
  }

  private takesOperator(operator: 'and' | 'or'): boolean {
    const isThere = this.isOperator(operator);
    if (isThere) this.at++;
    return isThere;
  }

  /** Whether the next step is the operator, with something behind it that it joins. */
  private isOperator(operator: 'and' | 'or'): boolean {
    const next = this.steps[this.at + 1];
    return this.steps[this.at]?.toLowerCase() === operator && next !== undefined && next !== ')';
  }
}

function join(kind: 'and' | 'or', parts: readonly (WordsQuery | undefined)[]): WordsQuery | undefined {
  const [only, ...others] = parts.filter((part) => part !== undefined);
  return only === undefined || others.length === 0 ? only : { kind, parts: [only, ...others] };
}
