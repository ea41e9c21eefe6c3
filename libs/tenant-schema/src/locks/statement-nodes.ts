import type { RangeVar } from 'libpg-query';
import type { StatementNode } from './parse-statement.js';

/** The kinds of node, and the content of one. */
export type NodeKind = StatementNode extends infer One ? (One extends object ? keyof One : never) : never;
export type NodeContent<Kind extends NodeKind> =
  Extract<StatementNode, { [Key in Kind]: unknown }> extends infer One
    ? One extends { [Key in Kind]: infer Content }
      ? Content
      : never
    : never;

/** A table's name as it is written, without the schema that is meant anyway. */
export function relationName(relation: RangeVar | undefined): string | null {
  if (relation?.relname === undefined) return null;
  return qualified([relation.schemaname ?? 'public', relation.relname]);
}

/** The name in a list of its parts, as `DROP` and `COMMENT ON` have it. */
export function nameIn(object: unknown): string | null {
  const parts = stringsIn(object);
  return parts.length === 0 ? null : qualified(parts);
}

const qualified = (parts: readonly string[]): string => (parts[0] === 'public' ? parts.slice(1) : parts).join('.');

/** Every text in a node, in order: the parts of a name. */
export function stringsIn(node: unknown): string[] {
  return nodesOf('String', node).flatMap(({ sval }) => (sval === undefined ? [] : [sval]));
}

/** The tables that a node names anywhere, each once. */
export function relationsIn(node: unknown): string[] {
  const names = [...nodesOf('RangeVar', node).map(relationName)];
  return [...new Set(names.filter((name) => name !== null))];
}

/** Every node of a kind within another one, in order. */
export function nodesOf<Kind extends NodeKind>(kind: Kind, within: unknown): NodeContent<Kind>[] {
  if (typeof within !== 'object' || within === null) return [];
  return Object.entries(within).flatMap(([key, content]) => [
    ...(key === kind ? [content as NodeContent<Kind>] : []),
    ...nodesOf(kind, content),
  ]);
}
