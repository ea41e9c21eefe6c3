/**
 * How much a query may cause, estimated before it runs: the product of the lengths of its lists. Where the client says
 * no length, twenty is assumed; what really happens is counted by the RequestBudget.
 */
import {
  GraphQLError,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type OperationDefinitionNode,
  type SelectionSetNode,
} from 'graphql';
import { requestLimits } from '../execution/request-budget.js';

const assumedCount = 20;

/** Element names start with a small letter, so these are searches, whatever the type. */
const searchForm = /^[A-Z]\w*(List|Connection)$/;

interface Cost {
  readonly resources: number;
  readonly statements: number;
}

/**
 * Throws GraphQLError when the operation would touch too many resources or cause too many searches, going by the
 * `_count`s in it and in its variables.
 */
export function assertAffordable(
  document: DocumentNode,
  operation: OperationDefinitionNode,
  variables: Readonly<Record<string, unknown>>,
): void {
  const { resources, statements } = costOf(document, operation.selectionSet, variables);
  if (resources > requestLimits.resources) {
    throw new GraphQLError(
      `The query may touch ${resources} resources; ${requestLimits.resources} are the most. Lower its _count arguments.`,
    );
  }
  if (statements > requestLimits.statements) {
    throw new GraphQLError(
      `The query may cause ${statements} searches; ${requestLimits.statements} are the most. ` +
        'Inside other lists, use a List instead of a Connection.',
    );
  }
}

function costOf(
  document: DocumentNode,
  selectionSet: SelectionSetNode,
  variables: Readonly<Record<string, unknown>>,
): Cost {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  let resources = 0;
  let statements = 0;
  const visit = (set: SelectionSetNode | undefined, times: number): void => {
    for (const selection of set?.selections ?? []) {
      if (selection.kind === Kind.INLINE_FRAGMENT) visit(selection.selectionSet, times);
      else if (selection.kind === Kind.FRAGMENT_SPREAD) visit(fragments.get(selection.name.value)?.selectionSet, times);
      else visit(selection.selectionSet, visitField(selection, times));
    }
  };
  const visitField = (field: FieldNode, times: number): number => {
    const [, kind] = searchForm.exec(field.name.value) ?? [];
    if (kind === undefined) {
      if (field.name.value === 'resource') resources += times;
      return times;
    }
    // Lists inside resources are searched for together, connections one by one.
    statements += kind === 'Connection' ? times : 1;
    const found = times * countOf(field, variables);
    resources += found;
    return found;
  };
  visit(selectionSet, 1);
  return { resources, statements };
}

function countOf(field: FieldNode, variables: Readonly<Record<string, unknown>>): number {
  const value = field.arguments?.find(({ name }) => name.value === '_count')?.value;
  const count =
    value?.kind === Kind.VARIABLE
      ? Number(variables[value.name.value])
      : value?.kind === Kind.INT
        ? Number(value.value)
        : NaN;
  return Number.isFinite(count) && count >= 0 ? count : assumedCount;
}
