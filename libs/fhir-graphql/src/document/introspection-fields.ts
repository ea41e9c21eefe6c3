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
const maxTypes = 5;
/** Of all questions of a document together. The usual tools ask for some 250. */
const maxFields = 400;

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
  assertSmall(asked, fragments);
  return wholes > 0 ? 'schema' : 'types';
}

/** Calls `visit` with each field of the set itself, those of fragments included: each fragment once, as it is run. */
function eachField(
  set: SelectionSetNode | undefined,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  visit: (field: FieldNode) => void,
  entered = new Set<string>(),
): void {
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) visit(selection);
    else if (selection.kind === Kind.INLINE_FRAGMENT) eachField(selection.selectionSet, fragments, visit, entered);
    else if (!entered.has(selection.name.value)) {
      entered.add(selection.name.value);
      eachField(fragments.get(selection.name.value)?.selectionSet, fragments, visit, entered);
    }
  }
}

/** Throws GraphQLError when the questions together ask for more than the tools that describe the whole schema. */
function assertSmall(roots: readonly FieldNode[], fragments: ReadonlyMap<string, FragmentDefinitionNode>): void {
  let visited = 0;
  const visit = (field: FieldNode, lists: readonly string[]): void => {
    visited++;
    const name = field.name.value;
    const below = listFields.has(name) ? [...lists, name] : lists;
    if (visited > maxFields || below.length > maxListDepth || new Set(below).size < below.length) {
      throw new GraphQLError('The question about the schema goes too deep.', { nodes: field });
    }
    const siblings = new Map<string, FieldNode>();
    eachField(field.selectionSet, fragments, (child) => {
      assertNew(child, siblings);
      visit(child, below);
    });
  };
  // One type is to the schema what an entry is to the list of types.
  for (const root of roots) visit(root, root.name.value === '__type' ? ['types'] : []);
}

/**
 * Throws GraphQLError when the field stands in its selection set already and would add to the answer: the schema has
 * tens of thousands of arguments, and one field of theirs under many names would be as many times the answer.
 */
function assertNew(field: FieldNode, siblings: Map<string, FieldNode>): void {
  const { name, alias, selectionSet } = field;
  const known = siblings.get(name.value);
  const isSame = selectionSet === undefined && known?.alias?.value === alias?.value;
  if (known !== undefined && !isSame) {
    throw new GraphQLError(`Ask for '${name.value}' once in one place of a question about the schema.`, {
      nodes: [known, field],
    });
  }
  siblings.set(name.value, field);
}
