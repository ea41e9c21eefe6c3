import type { SearchParameterDefinition, SearchParameterType } from '../definitions/definition-folders.js';
import type { JsonObject } from '../json/json-value.js';
import { compileExpression, type ExpressionContext } from './compile-expression.js';
import { parameterKey } from './parameter-key.js';
import type { TypedValue } from './typed-value.js';

/** One search parameter of one resource type (https://hl7.org/fhir/R4/searchparameter.html). */
export interface SearchParameter {
  code: string;
  type: SearchParameterType;
  url: string;
  /** The resource types that a reference parameter may point to; empty for any and for other types. */
  targets: readonly string[];
  /** The number that stands for `Type|code` in the tables of a tenant database. */
  key: number;
  /**
   * The values of `resource` (which must be of the parameter's resource type) that the parameter is about, in the order
   * of its expression. Parameters without an expression, such as _text, find nothing. Never throws for a resource that
   * passed validation.
   */
  evaluate(resource: JsonObject): TypedValue[];
}

/**
 * All parameters that resources of `resourceType` have, by code: its own, and those of all resources. HL7 defines a few
 * codes more than once; the most specific definition counts, and the first of several equal ones.
 */
export function searchParametersOf(
  context: ExpressionContext,
  definitions: readonly SearchParameterDefinition[],
  resourceType: string,
): ReadonlyMap<string, SearchParameter> {
  const parameters = new Map<string, SearchParameter>();
  for (const base of [resourceType, ...generalBases]) {
    for (const definition of definitions) {
      if (!definition.base.includes(base) || parameters.has(definition.code)) continue;
      parameters.set(definition.code, compile(context, definition, resourceType, base));
    }
  }
  return parameters;
}

/** Parameters with these bases belong to all types. */
const generalBases = ['DomainResource', 'Resource'];

function compile(
  context: ExpressionContext,
  definition: SearchParameterDefinition,
  resourceType: string,
  base: string,
): SearchParameter {
  const expressions = definition.byBase?.[base] ?? [];
  const branches = expressions.map((expression) => compileExpression(context, resourceType, expression));
  return {
    code: definition.code,
    type: definition.type,
    url: definition.url,
    targets: definition.target ?? [],
    key: parameterKey(resourceType, definition.code),
    evaluate: (resource) => {
      const found: TypedValue[] = [];
      for (const branch of branches) branch(resource, found);
      return found;
    },
  };
}

/** Throws when two parameters of the given types would have one key: they would be mixed up in the tenant databases. */
export function assertDistinctKeys(
  definitions: readonly SearchParameterDefinition[],
  resourceTypes: readonly string[],
): void {
  const names = new Map<number, string>();
  for (const { code, base } of definitions) {
    for (const type of base.some((name) => generalBases.includes(name)) ? resourceTypes : base) {
      const name = `${type}|${code}`;
      const key = parameterKey(type, code);
      const other = names.get(key) ?? name;
      if (other !== name) throw new Error(`Search parameters ${other} and ${name} have the same key`);
      names.set(key, name);
    }
  }
}
