import {
  getNullableType,
  GraphQLError,
  isListType,
  isNonNullType,
  isTypeSubTypeOf,
  Kind,
  specifiedRules,
  typeFromAST,
  VariablesInAllowedPositionRule,
  type ASTVisitor,
  type GraphQLInputType,
  type ValidationContext,
  type ValidationRule,
  type VariableDefinitionNode,
} from 'graphql';

/**
 * GraphQL's rules for variables in arguments, except that a variable for one value may stand where a list of them is
 * expected, as a literal may: `query ($name: String) { PatientList(name: $name) { id } }`.
 */
function variablesOrItemsRule(context: ValidationContext): ASTVisitor {
  let definitions = new Map<string, VariableDefinitionNode>();
  return {
    OperationDefinition: {
      enter: () => {
        definitions = new Map();
      },
      leave: (operation) => {
        for (const { node, type, defaultValue } of context.getRecursiveVariableUsages(operation)) {
          const definition = definitions.get(node.name.value);
          if (definition === undefined || !type) continue;
          const given = typeFromAST(context.getSchema(), definition.type);
          if (given === undefined) continue;
          const hasDefault = defaultValue !== undefined || definition.defaultValue !== undefined;
          if (fits(context, given as GraphQLInputType, type, hasDefault)) continue;
          context.reportError(
            new GraphQLError(
              `Variable "$${node.name.value}" of type "${given.toString()}" used in position expecting type "${type.toString()}".`,
              { nodes: [definition, node] },
            ),
          );
        }
      },
    },
    VariableDefinition: (node) => {
      if (node.variable.kind === Kind.VARIABLE) definitions.set(node.variable.name.value, node);
    },
  };
}

function fits(
  context: ValidationContext,
  given: GraphQLInputType,
  expected: GraphQLInputType,
  hasDefault: boolean,
): boolean {
  const schema = context.getSchema();
  if (isNonNullType(expected) && !isNonNullType(given)) {
    return hasDefault && isTypeSubTypeOf(schema, given, expected.ofType);
  }
  if (isTypeSubTypeOf(schema, given, expected)) return true;
  const list = getNullableType(expected);
  const item = getNullableType(given);
  return isListType(list) && !isListType(item) && isTypeSubTypeOf(schema, item, list.ofType);
}

/** The rules by which documents are validated. */
export const validationRules: readonly ValidationRule[] = specifiedRules.map((rule) =>
  rule === VariablesInAllowedPositionRule ? variablesOrItemsRule : rule,
);
