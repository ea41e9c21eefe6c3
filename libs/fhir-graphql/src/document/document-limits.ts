/**
 * What a document may ask for, judged before it is validated, because validation itself takes time that grows faster
 * than the document.
 */
import {
  GraphQLError,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql';
import { isIntrospection } from './introspection-fields.js';

/** Limits on a document. Fields and depth count what fragments stand for, each time that they are used. */
export const documentLimits = {
  tokens: 10_000,
  /** A use of a fragment counts as a field: fragments may stand for nothing but one another. */
  fields: 2_000,
  depth: 12,
  /** Fragments that are defined; validation compares each with each. */
  fragments: 100,
  /** Fields that end up under one name in one selection set; comparing them all is quadratic. */
  sameName: 20,
} as const;

interface Size {
  readonly fields: number;
  readonly depth: number;
}

/** Throws GraphQLError, at the place if there is one, when the document is too large in any way. */
export function assertDocumentLimits(document: DocumentNode): void {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  if (fragments.size > documentLimits.fragments) throw tooLarge(`more than ${documentLimits.fragments} fragments`);
  const measure = measurer(fragments);
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION && definition.kind !== Kind.FRAGMENT_DEFINITION) continue;
    const size = measure(definition.selectionSet);
    // A fragment's depth counts where it is used; below __schema, where it does not count, tools go deeper.
    if (definition.kind === Kind.OPERATION_DEFINITION && size.depth > documentLimits.depth) {
      throw tooLarge(`fields nested more than ${documentLimits.depth} deep`, definition);
    }
  }
}

/**
 * Measures selection sets, each fragment once, and throws GraphQLError at the first that has too many fields. A fragment
 * within itself is for validation to refuse.
 */
function measurer(fragments: ReadonlyMap<string, FragmentDefinitionNode>): (set: SelectionSetNode) => Size {
  const known = new Map<string, Size>();
  const measure = (set: SelectionSetNode, names = new Map<string, number>()): Size => {
    let fields = 0;
    let depth = 0;
    for (const selection of set.selections) {
      let size: Size;
      if (selection.kind === Kind.FIELD) {
        size = measureField(selection);
        countName(names, selection);
      } else if (selection.kind === Kind.INLINE_FRAGMENT) size = measure(selection.selectionSet, names);
      else size = measureFragment(selection.name.value);
      fields += size.fields;
      if (fields > documentLimits.fields) throw tooLarge(`more than ${documentLimits.fields} fields`, selection);
      depth = Math.max(depth, size.depth);
    }
    return { fields, depth };
  };
  const measureField = (field: FieldNode): Size => {
    const below = field.selectionSet === undefined ? { fields: 0, depth: 0 } : measure(field.selectionSet);
    return { fields: below.fields + 1, depth: isIntrospection(field) ? 1 : below.depth + 1 };
  };
  const measureFragment = (name: string): Size => {
    const found = known.get(name);
    if (found !== undefined) return found;
    const fragment = fragments.get(name);
    known.set(name, { fields: 1, depth: 0 });
    const below = fragment === undefined ? { fields: 0, depth: 0 } : measure(fragment.selectionSet);
    const size = { ...below, fields: below.fields + 1 };
    known.set(name, size);
    return size;
  };
  return measure;
}

function countName(names: Map<string, number>, field: FieldNode): void {
  const name = (field.alias ?? field.name).value;
  const count = (names.get(name) ?? 0) + 1;
  if (count > documentLimits.sameName)
    throw tooLarge(`more than ${documentLimits.sameName} fields '${name}' in one place`, field);
  names.set(name, count);
}

function tooLarge(what: string, node?: SelectionNode | DocumentNode['definitions'][number]): GraphQLError {
  return new GraphQLError(`A query may not have ${what}.`, { nodes: node });
}
