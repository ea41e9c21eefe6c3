/**
 * How deep brackets stand in one another. The parser, and whatever walks over a document or a value afterwards, calls
 * itself for each level, so what is too deep must not get that far.
 */
import { GraphQLError, Lexer, Source, TokenKind } from 'graphql';

/** No resource may nest deeper, and a mutation may hold one. */
const maxNesting = 80;

const opening = new Set<string>([TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L]);
const closing = new Set<string>([TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R]);

/** Throws GraphQLError when the text nests too deep, has more than `maxTokens` tokens, or is none of GraphQL's. */
export function assertTextNesting(text: string, maxTokens: number): void {
  const lexer = new Lexer(new Source(text));
  let open = 0;
  for (let count = 1; ; count++) {
    const { kind } = lexer.advance();
    if (kind === TokenKind.EOF) return;
    if (opening.has(kind)) open++;
    else if (closing.has(kind)) open--;
    if (count > maxTokens) throw new GraphQLError(`A query may not have more than ${maxTokens} tokens.`);
    if (open > maxNesting) throw new GraphQLError(`A query may not have brackets nested more than ${maxNesting} deep.`);
  }
}

/** Throws GraphQLError when the values of variables nest too deep. */
export function assertValueNesting(variables: Readonly<Record<string, unknown>>): void {
  let level: unknown[] = Object.values(variables);
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > maxNesting) throw new GraphQLError(`Variables may not be nested more than ${maxNesting} deep.`);
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? (Object.values(value) as unknown[]) : [],
    );
  }
}
