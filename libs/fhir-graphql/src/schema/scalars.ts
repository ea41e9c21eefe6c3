/**
 * The scalar types. FHIR's primitive types become GraphQL's own: numbers `Int` or `Float`, `boolean` `Boolean`, all others
 * `String`. `Int` and `Float` are our own objects under the standard's names, because a number in a result is still the
 * text that is stored (see readLossless of #fhir) and must be passed on untouched.
 */
import {
  GraphQLBoolean,
  GraphQLError,
  GraphQLFloat,
  GraphQLInt,
  GraphQLScalarType,
  GraphQLString,
  Kind,
  type ValueNode,
} from 'graphql';

const untouched = (value: unknown): unknown => value;

/** GraphQL's `Int`, except that results keep the text of the number. */
export const IntScalar = new GraphQLScalarType({
  name: 'Int',
  description: 'A whole number of 32 bits.',
  serialize: untouched,
  parseValue: GraphQLInt.parseValue.bind(GraphQLInt),
  parseLiteral: GraphQLInt.parseLiteral.bind(GraphQLInt),
});

/** GraphQL's `Float`, except that results keep the text of the number. */
const FloatScalar = new GraphQLScalarType({
  name: 'Float',
  description: 'A decimal number, written as it is stored, so that its precision is kept: `1.00` stays `1.00`.',
  serialize: untouched,
  parseValue: GraphQLFloat.parseValue.bind(GraphQLFloat),
  parseLiteral: GraphQLFloat.parseLiteral.bind(GraphQLFloat),
});

/**
 * A whole resource as the argument of a mutation. One scalar instead of an input type per element keeps the schema at
 * half its size; whether the resource is right is checked as for any other write. Coerces to the resource's JSON text.
 */
export const ResourceInputScalar = new GraphQLScalarType<string>({
  name: 'ResourceInput',
  description: 'A resource in the form of its JSON representation, as an object literal or as a variable.',
  parseValue: (value) => JSON.stringify(value),
  parseLiteral: (node, variables) => literalText(node, variables),
});

/** The JSON text of a literal; numbers keep theirs, so `1.00` is stored as `1.00`. */
function literalText(node: ValueNode, variables: Readonly<Record<string, unknown>> | null | undefined): string {
  switch (node.kind) {
    case Kind.OBJECT:
      return `{${node.fields.map(({ name, value }) => `${JSON.stringify(name.value)}:${literalText(value, variables)}`).join(',')}}`;
    case Kind.LIST:
      return `[${node.values.map((value) => literalText(value, variables)).join(',')}]`;
    case Kind.INT:
    case Kind.FLOAT:
      return node.value;
    case Kind.BOOLEAN:
      return String(node.value);
    case Kind.NULL:
      return 'null';
    case Kind.STRING:
    case Kind.ENUM:
      return JSON.stringify(node.value);
    case Kind.VARIABLE: {
      // When a document is validated, its variables have no values yet.
      if (!variables) return 'null';
      if (!Object.hasOwn(variables, node.name.value)) {
        throw new GraphQLError(`The variable $${node.name.value} inside a resource has no value.`, { nodes: node });
      }
      return JSON.stringify(variables[node.name.value]);
    }
  }
}

const whole = new Set(['integer', 'positiveInt', 'unsignedInt']);

/** The scalar for values of a primitive type. JSON holds an `integer64` as a string. */
export function scalarOf(primitiveType: string): GraphQLScalarType {
  if (primitiveType === 'boolean') return GraphQLBoolean;
  if (primitiveType === 'decimal') return FloatScalar;
  return whole.has(primitiveType) ? IntScalar : GraphQLString;
}
