import { Kind, type GraphQLResolveInfo, type SelectionSetNode } from 'graphql';

/** Whether the client asks for the field called `name` of the object that is being resolved, also in a fragment. */
export function selectsField(info: GraphQLResolveInfo, name: string): boolean {
  return info.fieldNodes.some(({ selectionSet }) => selectionSet !== undefined && selects(selectionSet, name, info));
}

function selects({ selections }: SelectionSetNode, name: string, info: GraphQLResolveInfo): boolean {
  return selections.some((selection) => {
    if (selection.kind === Kind.FIELD) return selection.name.value === name;
    const fragment = selection.kind === Kind.INLINE_FRAGMENT ? selection : info.fragments[selection.name.value];
    return fragment !== undefined && selects(fragment.selectionSet, name, info);
  });
}
