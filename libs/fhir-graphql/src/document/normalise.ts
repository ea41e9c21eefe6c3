/**
 * What the standard's examples write and the schema does not say. Each rewriting leaves a document that means the same
 * and that the schema covers:
 *
 * - Values stand unquoted (`Patient(id: example)`, `name(use: official)`, `active: true`): where a text is expected, a
 *   literal becomes a string; where a name of a reference parameter is, a string becomes that name.
 * - `resource(type: Patient) { birthDate }`: the selection becomes `... on Patient { birthDate }`. Several of them with
 *   different types can stand side by side; then the fragments alone select.
 */
import {
  getNamedType,
  GraphQLID,
  GraphQLString,
  isEnumType,
  Kind,
  TypeInfo,
  visit,
  visitWithTypeInfo,
  type ASTNode,
  type DocumentNode,
  type FieldNode,
  type GraphQLSchema,
  type SelectionSetNode,
  type ValueNode,
} from 'graphql';

/** The same document in the terms of `schema`. */
export function normaliseDocument(schema: GraphQLSchema, document: DocumentNode): DocumentNode {
  const types = new TypeInfo(schema);
  const literal = (node: ValueNode): ValueNode | undefined => {
    const expected = getNamedType(types.getInputType());
    const wantsText = expected === GraphQLString || expected === GraphQLID;
    if (wantsText && 'value' in node && node.kind !== Kind.STRING) {
      return { kind: Kind.STRING, value: String(node.value), ...(node.loc ? { loc: node.loc } : {}) };
    }
    return isEnumType(expected) && node.kind === Kind.STRING ? { ...node, kind: Kind.ENUM } : undefined;
  };
  const isType = (name: string): boolean => schema.getType(name) !== undefined;
  return visit(
    document,
    visitWithTypeInfo(types, {
      IntValue: literal,
      FloatValue: literal,
      BooleanValue: literal,
      EnumValue: literal,
      StringValue: literal,
      Field: { leave: (field) => selectByType(field, isType) },
      SelectionSet: { leave: dropConflictingTypes },
    }),
  );
}

function selectByType(field: FieldNode, isType: (name: string) => boolean): FieldNode | undefined {
  const type = typeArgument(field);
  if (type === undefined || field.selectionSet === undefined || !isType(type)) return undefined;
  const { selectionSet } = field;
  const fragment = {
    kind: Kind.INLINE_FRAGMENT,
    typeCondition: { kind: Kind.NAMED_TYPE, name: { kind: Kind.NAME, value: type } },
    selectionSet,
  } as const;
  return { ...field, selectionSet: { kind: Kind.SELECTION_SET, selections: [fragment] } };
}

function dropConflictingTypes(set: SelectionSetNode): SelectionSetNode | undefined {
  const typed = set.selections.filter((node): node is FieldNode => typeArgument(node) !== undefined);
  const names = typed.map((field) => (field.alias ?? field.name).value);
  const conflicting = new Set(
    typed.filter((_, index) => names.indexOf(names[index] ?? '') !== names.lastIndexOf(names[index] ?? '')),
  );
  if (conflicting.size === 0) return undefined;
  const selections = set.selections.map((node) =>
    node.kind === Kind.FIELD && conflicting.has(node)
      ? { ...node, arguments: node.arguments?.filter(({ name }) => name.value !== 'type') ?? [] }
      : node,
  );
  return { ...set, selections };
}

/** The `type` that a field `resource` names by a literal. */
function typeArgument(node: ASTNode): string | undefined {
  if (node.kind !== Kind.FIELD || node.name.value !== 'resource') return undefined;
  const value = node.arguments?.find(({ name }) => name.value === 'type')?.value;
  return value?.kind === Kind.STRING ? value.value : undefined;
}
