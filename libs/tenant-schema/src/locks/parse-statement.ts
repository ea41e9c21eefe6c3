import type { Node } from 'libpg-query';

/** A statement as PostgreSQL's own grammar reads it: one kind of node and its content. */
export type StatementNode = Node;

/**
 * The statements of a text by PostgreSQL's grammar; `:tenant_role` stands for a name. Rejects with the grammar's message
 * when the text is no SQL. The parser is loaded with the first call (some 50 ms), since few processes need it.
 */
export async function parseStatements(text: string): Promise<StatementNode[]> {
  const { parse } = await import('libpg-query');
  // One space more, so that places in the text stay where they are.
  const { stmts = [] } = await parse(text.replaceAll(/:tenant_role\b/g, ' tenant_role'));
  return stmts.flatMap(({ stmt }) => (stmt === undefined ? [] : [stmt]));
}
