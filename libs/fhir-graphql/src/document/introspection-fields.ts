/**
 * Questions about the schema, `__schema` and `__type`. The schema is large, so they are bounded: they stand alone in a
 * document, the schema as a whole is asked for once, and lists go no deeper than tools need.
 */
import {
  GraphQLError,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionSetNode,
} from 'graphql';

/** The fields of a query that ask for the schema. */
export const isIntrospection = ({ name }: FieldNode): boolean => name.value === '__schema' || name.value === '__type';

/**
 * Types, their fields and their arguments. No list stands in another of its kind: the fields of the fields' types are
 * millions.
 */
const maxListDepth = 3;
const maxTypes = 10;
const maxFields = 2_000;

/** Fields of introspection that give lists as long as the schema is large. */
const listFields = new Set('types fields interfaces possibleTypes inputFields args directives enumValues'.split(' '));

/** Whether a document asks for the `schema` as a whole, for some `types` of it, or for `nothing` of it. */
export type SchemaQuestion = 'schema' | 'types' | 'nothing';

/**
 * What the document asks for. Throws GraphQLError when it asks for resources as well, or for too much of the schema.
 * Expects a document within `documentLimits`.
 */
export function schemaQuestion(document: DocumentNode): SchemaQuestion {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const asked: FieldNode[] = [];
  const others: FieldNode[] = [];
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    eachField(definition.selectionSet, fragments, (field) => {
      if (isIntrospection(field)) asked.push(field);
      else if (field.name.value !== '__typename') others.push(field);
    });
  }
  if (asked.length === 0) return 'nothing';
  if (others.length > 0)
    throw new GraphQLError('Ask for the schema and for resources in separate requests.', { nodes: others });
  const wholes = asked.filter(({ name }) => name.value === '__schema').length;
  if (wholes > 1 || asked.length > maxTypes) {
    throw new GraphQLError(`Ask for __schema once, and for __type at most ${maxTypes} times.`, { nodes: asked });
  }
  for (const field of asked) assertShallow(field, fragments);
  return wholes > 0 ? 'schema' : 'types';
}

/** Calls `visit` with each field of the set itself, those of fragments included. */
function eachField(
  set: SelectionSetNode | undefined,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  visit: (field: FieldNode) => void,
  open: readonly string[] = [],
): void {
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) visit(selection);
    else if (selection.kind === Kind.INLINE_FRAGMENT) eachField(selection.selectionSet, fragments, visit, open);
    else if (!open.includes(selection.name.value)) {
      const name = selection.name.value;
      eachField(fragments.get(name)?.selectionSet, fragments, visit, [...open, name]);
    }
  }
}

function assertShallow(root: FieldNode, fragments: ReadonlyMap<string, FragmentDefinitionNode>): void {
  let visited = 0;
  const visit = (field: FieldNode, lists: readonly string[]): void => {
    visited++;
    const name = field.name.value;
    const below = listFields.has(name) ? [...lists, name] : lists;
    if (visited > maxFields || below.length > maxListDepth || new Set(below).size < below.length) {
      throw new GraphQLError('The question about the schema goes too deep.', { nodes: field });
    }
    eachField(field.selectionSet, fragments, (child) => visit(child, below));
  };
  // One type is to the schema what an entry is to the list of types.
  visit(root, root.name.value === '__type' ? ['types'] : []);
}
