/**
 * The components of composite parameters (https://hl7.org/fhir/R4/search.html#combining): the parameter's own expression
 * yields nodes of the resource, and each component is an expression that starts at such a node.
 */
import type {
  SearchComponentDefinition,
  SearchParameterDefinition,
  SearchParameterType,
} from '../definitions/definition-folders.js';
import type { JsonObject, JsonValue } from '../json/json-value.js';
import { splitUnion } from './expression-steps.js';
import type { ExpressionContext } from './compile-expression.js';
import { compileWalk } from './property-walk.js';
import type { TypedValue } from './typed-value.js';

/** One component of a composite parameter. */
export interface SearchComponent {
  /** How its values are compared. */
  readonly type: SearchParameterType;
  /** The types that a reference among its values may point to; empty for any. */
  readonly targets: readonly string[];
  /** The values for one node that the composite's own expression found in `resource`. */
  evaluate(node: TypedValue, resource: JsonObject): TypedValue[];
}

/**
 * Compiles the components of `definition`, whose nodes have one of `nodeTypes`. Throws for an expression that is no walk
 * along properties: the standard has none.
 */
export function compileComponents(
  context: ExpressionContext,
  definitions: ReadonlyMap<string, SearchParameterDefinition>,
  definition: SearchParameterDefinition,
  resourceType: string,
  nodeTypes: Iterable<string>,
): SearchComponent[] {
  const nodes = [...nodeTypes];
  return consistent(definition.component ?? [], definitions).map((component) => {
    const target = definitions.get(component.definition);
    const onResource = component.expression.startsWith(resourcePrefix);
    const starts = onResource ? [resourceType] : nodes;
    const branches = splitUnion(component.expression).map((branch) => branch.replace(resourcePrefix, ''));
    const walks = new Map(
      starts.map((start) => [start, branches.map((branch) => walkFrom(context, start, branch, definition))]),
    );
    const types = [...walks.values()].flat().flatMap((walk) => [...walk.types]);
    return {
      type: target?.type ?? typeOfValues(types, definition),
      targets: target?.target ?? [],
      evaluate: (node, resource) => {
        const found: TypedValue[] = [];
        const start: JsonValue = onResource ? resource : node.value;
        for (const walk of walks.get(onResource ? resourceType : node.type) ?? []) walk.evaluate(start, found);
        return found;
      },
    };
  });
}

/** The expressions of the components from the resource on, when `expressions` are those of the composite's own nodes. */
export const componentExpressions = (
  { component = [] }: SearchParameterDefinition,
  expressions: readonly string[],
): string[] =>
  component
    .flatMap(({ expression }) => splitUnion(expression))
    .flatMap((part) =>
      part.startsWith(resourcePrefix)
        ? [part.slice(resourcePrefix.length)]
        : expressions.map((start) => `${start}.${part}`),
    );

/** Stands before an expression that starts at the resource instead of the node. */
const resourcePrefix = '%resource.';

function walkFrom(context: ExpressionContext, start: string, branch: string, { url }: SearchParameterDefinition) {
  const walk = compileWalk(context.schema, start, branch);
  if (!walk) throw new Error(`The component ${branch} of the search parameter ${url} is no walk along properties`);
  return walk;
}

/**
 * A few composites name their two components' definitions in one order and their expressions in the other. The order of
 * the definitions counts, because that is how the parameter's name and its documentation describe its value.
 */
function consistent(
  components: readonly SearchComponentDefinition[],
  definitions: ReadonlyMap<string, SearchParameterDefinition>,
): readonly SearchComponentDefinition[] {
  const [first, second] = components;
  if (components.length !== 2 || !first || !second) return components;
  const isOf = (component: SearchComponentDefinition, { expression }: SearchComponentDefinition) =>
    Object.values(definitions.get(component.definition)?.byBase ?? {}).some((branches) =>
      branches.some((branch) => branch.endsWith(`.${expression}`)),
    );
  const isCrossed = isOf(first, second) && isOf(second, first) && !isOf(first, first) && !isOf(second, second);
  if (!isCrossed) return components;
  return [
    { ...first, expression: second.expression },
    { ...second, expression: first.expression },
  ];
}

/** R5 names a few definitions that it does not have; what the values are tells how they are compared. */
function typeOfValues(types: readonly string[], { url }: SearchParameterDefinition): SearchParameterType {
  const found = types.map((type) => typesOfValues[type]).find((type) => type !== undefined);
  if (!found) throw new Error(`It cannot be told how a component of the search parameter ${url} is compared`);
  return found;
}

const typesOfValues: Readonly<Record<string, SearchParameterType>> = {
  boolean: 'token',
  code: 'token',
  Coding: 'token',
  CodeableConcept: 'token',
  Identifier: 'token',
  Quantity: 'quantity',
  integer: 'number',
  decimal: 'number',
  date: 'date',
  dateTime: 'date',
  instant: 'date',
  Period: 'date',
  string: 'string',
  Reference: 'reference',
  canonical: 'reference',
  uri: 'uri',
};
