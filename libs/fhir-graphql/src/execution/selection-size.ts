import { Kind, type FieldNode, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/** By the fields that are resolved together; of all elements of a list, these are one and the same array. */
const known = new WeakMap<readonly FieldNode[], number>();

/**
 * How many fields are selected of each object that the field gives, `__typename` and all fragments included; those of
 * fragments on other types count as well.
 */
export function selectionSize(info: Pick<GraphQLResolveInfo, 'fieldNodes' | 'fragments'>): number {
  let size = known.get(info.fieldNodes);
  if (size === undefined) {
    size = info.fieldNodes.reduce((sum, { selectionSet }) => sum + sizeOf(selectionSet, info.fragments), 0);
    known.set(info.fieldNodes, size);
  }
  return size;
}

function sizeOf(set: SelectionSetNode | undefined, fragments: GraphQLResolveInfo['fragments']): number {
  let size = 0;
  for (const selection of set?.selections ?? []) {
    if (selection.kind === Kind.FIELD) size++;
    else if (selection.kind === Kind.INLINE_FRAGMENT) size += sizeOf(selection.selectionSet, fragments);
    else size += sizeOf(fragments[selection.name.value]?.selectionSet, fragments);
  }
  return size;
}
