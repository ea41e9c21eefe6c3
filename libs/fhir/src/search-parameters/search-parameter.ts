import type { SearchParameterDefinition, SearchParameterType } from '../definitions/definition-folders.js';
import type { JsonObject } from '../json/json-value.js';
import { compileExpression, type CompiledExpression, type ExpressionContext } from './compile-expression.js';
import { isResourceDefinition } from '../definitions/schema-document.js';
import { compileComponents, componentExpressions, type SearchComponent } from './components.js';
import { branchesOf, unions } from './parameter-unions.js';
import { parameterKey } from './parameter-key.js';
import { anyResource } from './property-walk.js';
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
  /** The FHIR types that its values may have; empty where that is not known before a value is seen. */
  types: ReadonlySet<string>;
  /**
   * True for a reference parameter whose values are no references but resources that stand inside the resource
   * (`Bundle.entry.resource`): it asks for what they are and hold (https://hl7.org/fhir/R4/search.html#reference).
   */
  embeds: boolean;
  /**
   * The code systems that its values of the type `code` imply, by the lists from which they are; undefined where some of
   * them may be of any system, or none of its values is such a code.
   */
  impliedSystems: ReadonlySet<string> | undefined;
  /**
   * The keys under which its values stand in the index. Mostly its own; a parameter that finds exactly what some others
   * of the type find together (`combo-code`: `code` and `component-code`) has theirs and no entries of its own.
   */
  indexKeys: readonly number[];
  /**
   * The expressions of what it is about (FHIRPath, for resources of the type), those of a composite's components in full
   * length; empty for a parameter that no expression explains, such as _text.
   */
  expressions: readonly string[];
  /** What the parts of a composite's value are compared with, in order; empty for other types. */
  components: readonly SearchComponent[];
  /**
   * The values of `resource` (which must be of the parameter's resource type) that the parameter is about, in the order
   * of its expression. Parameters without an expression, such as _text, find nothing. Never throws for a resource that
   * passed validation.
   */
  evaluate(resource: JsonObject): TypedValue[];
}

/** The definitions of a version, found without going through its thousand and more for each type. */
export interface DefinitionIndex {
  readonly byUrl: ReadonlyMap<string, SearchParameterDefinition>;
  /** In the order in which the definitions came. */
  readonly byBase: ReadonlyMap<string, readonly SearchParameterDefinition[]>;
}

export function indexDefinitions(definitions: readonly SearchParameterDefinition[]): DefinitionIndex {
  const byBase = new Map<string, SearchParameterDefinition[]>();
  for (const definition of definitions) {
    for (const base of new Set(definition.base)) {
      const ofBase = byBase.get(base);
      if (ofBase) ofBase.push(definition);
      else byBase.set(base, [definition]);
    }
  }
  return { byUrl: new Map(definitions.map((definition) => [definition.url, definition])), byBase };
}

/**
 * All parameters that resources of `resourceType` have, by code: its own, and those of all resources. HL7 defines a few
 * codes more than once; the most specific definition counts, and the first of several equal ones.
 */
export function searchParametersOf(
  context: ExpressionContext,
  { byUrl, byBase }: DefinitionIndex,
  resourceType: string,
): ReadonlyMap<string, SearchParameter> {
  const chosen = new Map<string, { definition: SearchParameterDefinition; base: string }>();
  for (const base of [resourceType, ...generalBases]) {
    for (const definition of byBase.get(base) ?? []) {
      if (!chosen.has(definition.code)) chosen.set(definition.code, { definition, base });
    }
  }
  const shared = unions(
    new Map([...chosen].map(([code, { definition, base }]) => [code, branchesOf(definition, base)])),
  );
  return new Map(
    [...chosen].map(([code, { definition, base }]) => {
      const indexKeys = (shared.get(code) ?? [code]).map((part) => parameterKey(resourceType, part));
      return [code, compile(context, byUrl, definition, { resourceType, base, indexKeys })];
    }),
  );
}

/** Parameters with these bases belong to all types. */
const generalBases = ['DomainResource', 'Resource'];

interface Placement {
  resourceType: string;
  base: string;
  indexKeys: readonly number[];
}

function compile(
  context: ExpressionContext,
  byUrl: ReadonlyMap<string, SearchParameterDefinition>,
  definition: SearchParameterDefinition,
  { resourceType, base, indexKeys }: Placement,
): SearchParameter {
  const expressions = definition.byBase?.[base] ?? [];
  const branches = expressions.map((expression) => compileExpression(context, resourceType, expression));
  const nodeTypes = new Set(branches.flatMap(({ types }) => [...types]));
  const targets = targetsOf(definition, branches);
  const isResource = (type: string) => type === anyResource || isResourceDefinition(context.schema, type);
  const embeds = definition.type === 'reference' && nodeTypes.size > 0 && [...nodeTypes].every(isResource);
  return {
    code: definition.code,
    type: definition.type,
    url: definition.url,
    targets,
    key: parameterKey(resourceType, definition.code),
    types: branches.every(({ types }) => types.size > 0) ? nodeTypes : new Set(),
    embeds,
    impliedSystems: systemsOf(context, branches),
    indexKeys,
    expressions: [...expressions, ...componentExpressions(definition, expressions)],
    components: compileComponents(context, byUrl, definition, resourceType, nodeTypes),
    evaluate: (resource) => {
      const found: TypedValue[] = [];
      for (const { evaluate } of branches) evaluate(resource, found);
      // R4 says of the first entry of any Bundle that it is the composition, whatever stands there.
      return embeds && targets.length > 0 ? found.filter(({ type }) => targets.includes(type)) : found;
    },
  };
}

function systemsOf(
  { codeSystems }: ExpressionContext,
  branches: readonly CompiledExpression[],
): ReadonlySet<string> | undefined {
  const lists = [...new Set(branches.flatMap(({ codeLists }) => [...codeLists]))];
  const systems = lists.map((list) => (Object.hasOwn(codeSystems, list) ? codeSystems[list] : undefined));
  return lists.length === 0 || systems.includes(undefined) ? undefined : new Set(systems.flatMap((some) => some ?? []));
}

/**
 * What a reference parameter may point to: what its definition says, without the types to which none of the elements
 * that it is about can point. HL7 lists for `patient` all types that any resource's patient may have.
 */
function targetsOf(definition: SearchParameterDefinition, branches: readonly CompiledExpression[]): readonly string[] {
  const declared = definition.target ?? [];
  if (branches.length === 0 || branches.some(({ targets }) => targets === undefined)) return declared;
  const possible = new Set(branches.flatMap(({ targets }) => [...(targets ?? [])]));
  const narrowed = declared.filter((target) => possible.has(target));
  return narrowed.length > 0 ? narrowed : declared;
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
