/**
 * Reads FHIRPath expressions (https://hl7.org/fhirpath/N1/#grammar) into trees, as far as invariants use the language in
 * simple ways. What it does not know (dates, arithmetic, indexes, escapes in strings, types) it does not read: such
 * expressions belong to the fhirpath package.
 */

export type Expression =
  | { kind: 'literal'; value: string | number | boolean }
  | { kind: 'variable'; name: string }
  | { kind: 'self' }
  | { kind: 'member'; of?: Expression; name: string }
  | { kind: 'call'; of?: Expression; name: string; parameters: Expression[] }
  | { kind: 'operation'; operator: Operator; left: Expression; right: Expression };

export type Operator = 'implies' | 'or' | 'xor' | 'and' | 'in' | '=' | '!=' | '<' | '<=' | '>' | '>=' | '|' | '+';

/** The operators by precedence, the weakest first. */
const levels: readonly (readonly Operator[])[] = [
  ['implies'],
  ['or', 'xor'],
  ['and'],
  ['in'],
  ['=', '!='],
  ['<', '<=', '>', '>='],
  ['|'],
  ['+'],
];

const tokenForm = /\s*(?:('[^'\\]*')|(\d+(?:\.\d+)?)|(%?\$?[A-Za-z_]\w*)|(<=|>=|!=|[=<>|+().,]))/y;

/** The tree of `text`; `undefined` when it is not an expression of the forms known here. */
export function parseExpression(text: string): Expression | undefined {
  const tokens = tokensOf(text);
  if (!tokens) return undefined;
  const reader = new ExpressionReader(tokens);
  const expression = reader.expression(0);
  return reader.atEnd ? expression : undefined;
}

function tokensOf(text: string): string[] | undefined {
  const tokens: string[] = [];
  const trimmed = text.trimEnd();
  tokenForm.lastIndex = 0;
  while (tokenForm.lastIndex < trimmed.length) {
    const match = tokenForm.exec(trimmed);
    if (!match) return undefined;
    tokens.push(match[0].trim());
  }
  return tokens;
}

/** Reads tokens from left to right. Each method gives `undefined` when there is something that it does not know. */
class ExpressionReader {
  private position = 0;

  constructor(private readonly tokens: readonly string[]) {}

  get atEnd(): boolean {
    return this.position === this.tokens.length;
  }

  expression(level: number): Expression | undefined {
    const operators = levels[level];
    if (!operators) return this.term();
    let left = this.expression(level + 1);
    while (left) {
      const operator = operators.find((candidate) => candidate === this.tokens[this.position]);
      if (!operator) return left;
      this.position++;
      const right = this.expression(level + 1);
      left = right && { kind: 'operation', operator, left, right };
    }
    return undefined;
  }

  private term(): Expression | undefined {
    let term = this.start();
    while (term && this.take('.')) term = this.invocation(term);
    return term;
  }

  private start(): Expression | undefined {
    if (this.take('(')) {
      const inner = this.expression(0);
      return inner && this.take(')') ? inner : undefined;
    }
    const token = this.tokens[this.position] ?? '';
    if (/^['\d]/.test(token) || token === 'true' || token === 'false') {
      this.position++;
      return { kind: 'literal', value: literalOf(token) };
    }
    if (token.startsWith('%')) {
      this.position++;
      return { kind: 'variable', name: token.slice(1) };
    }
    if (token === '$this') {
      this.position++;
      return { kind: 'self' };
    }
    return this.invocation(undefined);
  }

  private invocation(of: Expression | undefined): Expression | undefined {
    const name = this.tokens[this.position] ?? '';
    if (!/^[A-Za-z_]/.test(name)) return undefined;
    this.position++;
    const target = of ? { of } : {};
    if (!this.take('(')) return { kind: 'member', ...target, name };
    const parameters: Expression[] = [];
    while (!this.take(')')) {
      if (parameters.length > 0 && !this.take(',')) return undefined;
      const parameter = this.expression(0);
      if (!parameter) return undefined;
      parameters.push(parameter);
    }
    return { kind: 'call', ...target, name, parameters };
  }

  private take(token: string): boolean {
    if (this.tokens[this.position] !== token) return false;
    this.position++;
    return true;
  }
}

function literalOf(token: string): string | number | boolean {
  if (token.startsWith("'")) return token.slice(1, -1);
  return token === 'true' || (token === 'false' ? false : Number(token));
}
