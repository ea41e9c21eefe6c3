/**
 * A search parameter's expression as a function. Three ways, the quickest first: a walk along properties, the one boolean
 * form that HL7 uses, and the fhirpath package for anything else. The package takes 150 ms and some 50 MB, so it is
 * loaded when an expression that needs it is first evaluated.
 */
import { fhirpathModel, fhirpathPackage } from '../fhirpath/fhirpath-package.js';
import type { SchemaDefinitions } from '../definitions/schema-document.js';
import { isJsonObject, type JsonValue } from '../json/json-value.js';
import { compileWalk } from './property-walk.js';
import type { Evaluate, TypedValue } from './typed-value.js';

export interface ExpressionContext {
  schema: SchemaDefinitions;
  /** Which of the fhirpath package's data models fits the version. */
  fhirpathModel: string;
  /** By list of codes in the schema, the code systems from which they are. */
  codeSystems: Readonly<Record<string, readonly string[]>>;
}

/** A compiled branch. Types, targets and lists of codes are known of walks only; see `Walk`. */
export interface CompiledExpression {
  readonly evaluate: Evaluate;
  readonly types: ReadonlySet<string>;
  readonly targets: ReadonlySet<string> | undefined;
  readonly codeLists: ReadonlySet<string>;
}

/** Compiles one branch of a search parameter (an entry of `byBase`) for resources of `resourceType`. */
export function compileExpression(
  context: ExpressionContext,
  resourceType: string,
  expression: string,
): CompiledExpression {
  const walk = compileWalk(context.schema, resourceType, expression);
  if (walk) return walk;
  const evaluate =
    compilePresence(context.schema, resourceType, expression) ?? compileFhirpath(context.fhirpathModel, expression);
  return { evaluate, types: new Set(), targets: undefined, codeLists: new Set() };
}

const presenceForm = /^([\w.]+)\.exists\(\) and \1 != (true|false)$/;

/** `x.exists() and x != false`: is there a value, and is it another one than the boolean given? */
function compilePresence(schema: SchemaDefinitions, resourceType: string, expression: string): Evaluate | undefined {
  const [, path = '', literal] = presenceForm.exec(expression) ?? [];
  const evaluatePath = literal === undefined ? undefined : compileWalk(schema, resourceType, path)?.evaluate;
  if (!evaluatePath) return undefined;
  const excluded = literal === 'true';
  return (resource, found) => {
    const values: TypedValue[] = [];
    evaluatePath(resource, values);
    found.push({ type: 'boolean', value: values.length > 0 && values.every(({ value }) => value !== excluded) });
  };
}

function compileFhirpath(model: string, expression: string): Evaluate {
  let evaluate: ((resource: object) => TypedValue[]) | undefined;
  return (resource, found) => {
    evaluate ??= loadFhirpath(model, expression);
    found.push(...evaluate(resource));
  };
}

function loadFhirpath(modelName: string, expression: string): (resource: object) => TypedValue[] {
  const fhirpath = fhirpathPackage();
  const model = fhirpathModel(modelName);
  const compiled = fhirpath.compile(expression, model, { resolveInternalTypes: false });
  return (resource) => {
    const nodes = compiled(resource) as unknown[];
    const types = fhirpath.types(nodes);
    return nodes.map((node, index) => {
      const value = fhirpath.resolveInternalTypes(node) as JsonValue;
      return { type: fhirType(types[index], value), value };
    });
  };
}

/** `FHIR.HumanName` and `System.Boolean` are called `HumanName` and `boolean` here, a resource by its own type. */
function fhirType(name: string | undefined, value: JsonValue): string {
  if (isJsonObject(value) && typeof value.resourceType === 'string') return value.resourceType;
  const [namespace, type = 'Element'] = (name ?? '').split('.');
  return namespace === 'System' ? type.charAt(0).toLowerCase() + type.slice(1) : type;
}
