/**
 * The grammar of `_filter` (https://hl7.org/fhir/R4/search_filter.html), without what a parameter makes of a value:
 *
 *     filter  = term { ("and" | "or") term }        from left to right, without precedence
 *     term    = "(" filter ")" | "not" "(" filter ")" | path operator value
 *     value   = a string in double quotes with the escapes of JSON, or text without blanks and parentheses
 */
import { badRequest, tooCostly } from '#fhir';

export type FilterExpression =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly FilterExpression[] }
  | { readonly kind: 'not'; readonly part: FilterExpression }
  | { readonly kind: 'test'; readonly path: string; readonly operator: string; readonly value: string };

const maxLength = 4000;
const maxDepth = 20;

interface Token {
  readonly text: string;
  readonly at: number;
  /** The value of a quoted string. */
  readonly quoted?: string;
}

/** The expression that `text` stands for. Throws OutcomeError: `invalid` with the position of the flaw, `too-costly`. */
export function readFilter(text: string): FilterExpression {
  if (text.length > maxLength) throw tooCostly(`'_filter' may have at most ${maxLength} characters.`);
  const reader = new FilterReader(tokensOf(text));
  const expression = reader.filter(0);
  reader.expectEnd();
  return expression;
}

const tokenForm = /\s*(?:([()])|("(?:[^"\\]|\\.)*")|([^\s()"]+))/gsy;

function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const end = text.trimEnd().length;
  tokenForm.lastIndex = 0;
  while (tokenForm.lastIndex < end) {
    const start = tokenForm.lastIndex;
    const match = tokenForm.exec(text);
    if (match === null) throw flaw('a string has no end', start);
    const [, parenthesis, quoted, word] = match;
    const token = parenthesis ?? quoted ?? word ?? '';
    const at = tokenForm.lastIndex - token.length;
    tokens.push({ text: token, at, ...(quoted === undefined ? {} : { quoted: unquote(quoted, at) }) });
  }
  return tokens;
}

function unquote(literal: string, at: number): string {
  const text = unescape(literal, at);
  if (text.includes('\0')) throw flaw('a string holds the character NUL', at);
  return text;
}

function unescape(literal: string, at: number): string {
  try {
    return JSON.parse(literal) as string;
  } catch (error) {
    throw flaw('a string has an escape that JSON does not know', at, error);
  }
}

class FilterReader {
  private next = 0;

  constructor(private readonly tokens: readonly Token[]) {}

  filter(depth: number): FilterExpression {
    if (depth > maxDepth) throw tooCostly(`'_filter' may have at most ${maxDepth} parentheses within one another.`);
    let left = this.term(depth);
    for (;;) {
      const operator = this.peek()?.text;
      if (operator !== 'and' && operator !== 'or') return left;
      this.next++;
      const right = this.term(depth);
      const parts = left.kind === operator ? [...left.parts, right] : [left, right];
      left = { kind: operator, parts };
    }
  }

  expectEnd(): void {
    const token = this.peek();
    if (token !== undefined) throw flaw(`'and', 'or' or the end is expected instead of '${token.text}'`, token.at);
  }

  private term(depth: number): FilterExpression {
    if (this.peek()?.text === '(') return this.inParentheses(depth);
    if (this.peek()?.text === 'not' && this.tokens[this.next + 1]?.text === '(') {
      this.next++;
      return { kind: 'not', part: this.inParentheses(depth) };
    }
    const path = this.word('the name of a search parameter');
    const operator = this.word('an operator').text;
    const value = this.word('a value');
    return { kind: 'test', path: path.text, operator, value: value.quoted ?? value.text };
  }

  private inParentheses(depth: number): FilterExpression {
    this.next++;
    const inner = this.filter(depth + 1);
    const close = this.peek();
    if (close?.text !== ')') throw flaw("')' is expected", close?.at);
    this.next++;
    return inner;
  }

  private word(expected: string): Token {
    const token = this.peek();
    if (token === undefined || token.text === '(' || token.text === ')')
      throw flaw(`${expected} is expected`, token?.at);
    this.next++;
    return token;
  }

  private peek(): Token | undefined {
    return this.tokens[this.next];
  }
}

function flaw(what: string, at: number | undefined, cause?: unknown): Error {
  const place = at === undefined ? 'at its end' : `at character ${at + 1}`;
  const error = badRequest(`'_filter' cannot be read: ${what} (${place}).`, { code: 'value', expression: ['_filter'] });
  if (cause !== undefined) error.cause = cause;
  return error;
}
