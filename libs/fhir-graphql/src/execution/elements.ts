/** Members of resources and of their elements (https://hl7.org/fhir/R4/graphql.html#fields). */
import { getDirectiveValues, type GraphQLFieldResolver, type GraphQLResolveInfo } from 'graphql';
import { badRequest, isJsonObject, type JsonValue } from '#fhir';
import { shapeDirectives } from '../schema/shape-directives.js';
import type { GraphqlContext } from './graphql-context.js';
import { pathKey } from './path-key.js';
import { selectionSize } from './selection-size.js';

type Resolver = GraphQLFieldResolver<unknown, GraphqlContext, Record<string, unknown>>;

/** A resolver that hands out a member as it is. */
export function resolveMember(name: string): Resolver {
  return (source, _args, context, info) => affordable((source as Record<string, unknown>)[name], context, info);
}

/**
 * The value of a field, or null when the answer would have too many values with it. What is counted, before any of it is
 * looked into, are the elements of a list and the fields that are selected of each object; the field itself was counted
 * with the object in which it stands.
 */
export function affordable<T>(value: T, { budget }: GraphqlContext, info: GraphQLResolveInfo): T | null {
  if (typeof value !== 'object' || value === null) return value;
  const count = Array.isArray(value) ? value.length * (1 + selectionSize(info)) : selectionSize(info);
  return budget.takeValues(count) ? value : null;
}

/**
 * A resolver for a list of complex elements, of which the arguments choose some: `fhirpath`, the values of members,
 * then `_offset` and `_count` (https://hl7.org/fhir/R4/graphql.html#list).
 */
export function resolveElements(name: string): Resolver {
  return (source, args, context, info) => {
    const value = (source as Record<string, JsonValue | undefined>)[name];
    if (!Array.isArray(value)) return affordable(value, context, info);
    return noteSlices(affordable(chosenElements(value, args, context), context, info), context, info);
  };
}

function chosenElements(
  elements: readonly JsonValue[],
  args: Record<string, unknown>,
  { budget, expressions }: GraphqlContext,
): readonly JsonValue[] {
  const { fhirpath, _count: count, _offset: offset, ...members } = args;
  let chosen = elements;
  for (const [member, wanted] of Object.entries(members)) {
    if (typeof wanted !== 'string') continue;
    if (!budget.takeValues(chosen.length)) return [];
    chosen = chosen.filter((element) => hasMember(element, member, wanted));
  }
  if (typeof fhirpath === 'string') chosen = expressions.choose(fhirpath, chosen);
  const start = wholeNumber('_offset', offset) ?? 0;
  const length = wholeNumber('_count', count);
  return length === undefined ? chosen.slice(start) : chosen.slice(start, start + length);
}

function hasMember(element: JsonValue, member: string, wanted: string): boolean {
  if (!isJsonObject(element)) return false;
  const value = element[member];
  return (Array.isArray(value) ? value : [value]).some((item) => primitiveText(item) === wanted);
}

/** The text of a string, number or boolean. A number of a resource is a text behind a NUL character. */
function primitiveText(value: JsonValue | undefined): string | undefined {
  if (typeof value === 'boolean') return String(value);
  return typeof value === 'string' ? value.replace('\u0000', '') : undefined;
}

/** The argument as a number of elements; undefined when it is absent. Throws OutcomeError for a negative one. */
export function wholeNumber(name: string, value: unknown): number | undefined {
  if (typeof value !== 'number') return undefined;
  if (value < 0) throw badRequest(`The argument ${name} cannot be negative.`, { code: 'value' });
  return value;
}

/** For `@slice`: what each element's name will end in, noted under the place of the list in the result. */
export function noteSlices<List extends readonly JsonValue[] | null>(
  elements: List,
  context: GraphqlContext,
  info: GraphQLResolveInfo,
): List {
  if (elements === null) return elements;
  for (const node of info.fieldNodes) {
    if (node.directives === undefined || node.directives.length === 0) continue;
    const directive = info.schema.getDirective(shapeDirectives.slice);
    const values = directive ? getDirectiveValues(directive, node, info.variableValues) : undefined;
    if (values) context.slices.set(pathKey(info.path), context.expressions.names(String(values.path), elements));
  }
  return elements;
}
