/**
 * Turns the steps of an expression into a function, for one resource type. All that the schema knows is decided here,
 * once: `Condition.onset.ofType(Age)` becomes the property `onsetAge`, and each result carries its FHIR type without a
 * look at the value.
 */
import { presence, referencedName, type SchemaDefinitions, type SchemaNode } from '../definitions/schema-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import { parseSteps, type Step } from './expression-steps.js';
import type { TypedValue } from './typed-value.js';

/** A compiled expression, and what can be said of its values before any is seen. */
export interface Walk {
  readonly evaluate: (value: JsonValue, found: TypedValue[]) => void;
  /** The FHIR types that its values may have. */
  readonly types: ReadonlySet<string>;
  /** The types that references among its values may point to; `undefined` when one of them may point anywhere. */
  readonly targets: ReadonlySet<string> | undefined;
  /** The lists (definitions of the schema) from which its values of the type `code` are; '' for codes without a list. */
  readonly codeLists: ReadonlySet<string>;
}

/**
 * Compiles `expression` for values of `type`, a resource type or an element; `undefined` when it is not a walk that the
 * schema can follow. A property that the type does not have finds nothing. An Extension stands for its value[x]: that is
 * what the search parameters defined on extensions are about.
 */
export function compileWalk(schema: SchemaDefinitions, type: string, expression: string): Walk | undefined {
  const steps = parseSteps(expression);
  if (!steps) return undefined;
  const [first] = steps;
  if (first?.kind === 'property' && /^[A-Z]/.test(first.name)) {
    if (![type, 'Resource', 'DomainResource'].includes(first.name)) return undefined;
    steps.shift();
  }
  const compiler = new WalkCompiler(schema, steps);
  const evaluate = compiler.visit(type, 0);
  const { types, targets, codeLists } = compiler;
  return evaluate && { evaluate, types, targets, codeLists };
}

/** A property of a type, and what stands in it. */
interface Element {
  property: string;
  type: string;
  targets: readonly string[] | undefined;
  /** Of a code: the list from which it is, if there is one. */
  codeList: string | undefined;
}

/** What is done with one value found on the way. */
type Visit = (value: JsonValue, found: TypedValue[]) => void;

/** The type of an element that may hold any resource; its real type is known from the value only. */
export const anyResource = '*';

class WalkCompiler {
  readonly types = new Set<string>();
  readonly codeLists = new Set<string>();
  private readonly knownTargets = new Set<string>();
  private pointsAnywhere = false;

  constructor(
    private readonly schema: SchemaDefinitions,
    private readonly steps: readonly Step[],
  ) {}

  get targets(): ReadonlySet<string> | undefined {
    return this.pointsAnywhere ? undefined : this.knownTargets;
  }

  /**
   * What happens to a value of `type` from step `at` on; `undefined` when the steps from there are not a walk. `targets`
   * are the types to which the value may point, when it is a reference and they are known.
   */
  visit(type: string, at: number, targets?: readonly string[]): Visit | undefined {
    const step = this.steps[at];
    if (!step) return this.collect(type, targets);
    switch (step.kind) {
      case 'property':
        // An index counts the values found below all parents, which is the same as below one only at the top.
        if (step.index !== undefined && at > 0) return undefined;
        return this.properties(type, step.name, step.index, at + 1);
      case 'ofType':
        if (type === anyResource) {
          return onlyIf((value) => value['resourceType'] === step.type, this.visit(step.type, at + 1, targets));
        }
        return type === this.knownType(step.type) ? this.visit(type, at + 1, targets) : ignore;
      case 'where':
        return onlyIf((value) => value[step.property] === step.equals, this.visit(type, at + 1, targets));
      case 'refersTo':
        return onlyIf(refersTo(step.type), this.visit(type, at + 1, [step.type]));
      case 'extension':
        if (!this.hasProperties(type)) return undefined;
        return below(
          'extension',
          onlyIf((value) => value.url === step.url, this.visit('Extension', at + 1)),
        );
      case 'split': {
        const end = this.steps[at + 1]?.kind;
        if (end !== 'first' && end !== 'last') return undefined;
        return partAt(end, step.separator, this.visit('string', at + 2));
      }
      case 'first':
      case 'last':
        return undefined;
    }
  }

  /** HL7 writes the primitive type dateTime with a capital in one expression. */
  private knownType(name: string): string {
    return Object.hasOwn(this.schema, name) ? name : name.charAt(0).toLowerCase() + name.slice(1);
  }

  private collect(type: string, targets: readonly string[] | undefined): Visit | undefined {
    if (type !== 'Extension') this.types.add(type);
    if (targets === undefined) this.pointsAnywhere = true;
    else targets.forEach((target) => this.knownTargets.add(target));
    if (type === 'Extension') return this.properties(type, 'value', undefined, this.steps.length);
    if (type === anyResource) return collectResource;
    return (value, found) => void found.push({ type, value });
  }

  private properties(type: string, name: string, index: number | undefined, nextStep: number): Visit | undefined {
    const elements = this.elements(type, name);
    if (!elements) return undefined;
    const visits: Visit[] = [];
    for (const { property, type: elementType, targets, codeList } of elements) {
      if (elementType === 'code' && this.steps[nextStep] === undefined) this.codeLists.add(codeList ?? '');
      const next = this.visit(elementType, nextStep, targets);
      const visit = index === undefined ? below(property, next) : belowItem(property, index, next);
      if (!visit) return undefined;
      if (next !== ignore) visits.push(visit);
    }
    return visits.length === 1 ? visits[0] : (value, found) => visits.forEach((visit) => visit(value, found));
  }

  /** The properties that hold the element `name` of `type`: one, or all forms of a choice. */
  private elements(type: string, name: string): Element[] | undefined {
    if (!this.hasProperties(type)) return undefined;
    const { properties = {}, choice: choices } = this.schema[type] ?? {};
    const choice = choices?.find(([, base]) => base === name);
    const [, , ...forms] = choice ?? [0, name, `=${name}`];
    return forms.flatMap((form) => {
      const property = presence(form).name;
      const node = Object.hasOwn(properties, property) ? properties[property] : undefined;
      if (node === undefined) return [];
      const targets = (node.items ?? node).targets;
      return [{ property, type: this.typeOf(node), targets, codeList: codeListOf(node) }];
    });
  }

  /** False for primitives (their id and extensions stand in a sibling) and where any resource may stand. */
  private hasProperties(type: string): boolean {
    return Object.hasOwn(this.schema, type) && this.schema[type]?.properties !== undefined;
  }

  private typeOf(node: SchemaNode): string {
    if (node.items) return this.typeOf(node.items);
    if (node.anyOf?.[0]) return this.typeOf(node.anyOf[0]);
    if (node.resource !== undefined) return node.resource === true ? anyResource : node.resource;
    if (node.$ref === undefined) return node.pattern === this.schema.id?.pattern ? 'id' : 'string';
    const name = referencedName(node.$ref);
    return name.startsWith(codeListPrefix) ? 'code' : name;
  }
}

/** The list of codes that an element takes its value from. */
function codeListOf(node: SchemaNode): string | undefined {
  const item = node.items ?? node;
  const name = referencedName((item.anyOf?.[0] ?? item).$ref ?? '');
  return name.startsWith(codeListPrefix) ? name : undefined;
}

/** Definitions with such names are lists of codes. */
const codeListPrefix = 'vs:';

const ignore: Visit = () => undefined;

const collectResource: Visit = (value, found) => {
  if (isJsonObject(value) && typeof value.resourceType === 'string') found.push({ type: value.resourceType, value });
};

/** Visits the value of `property`, or each item of it. The nulls that stand for primitives without value are no values. */
function below(property: string, next: Visit | undefined): Visit | undefined {
  if (!next) return undefined;
  return (value, found) => {
    const child = (value as JsonObject)[property];
    if (child === undefined || child === null) return;
    if (!Array.isArray(child)) return next(child, found);
    for (const item of child) if (item !== null) next(item, found);
  };
}

function belowItem(property: string, index: number, next: Visit | undefined): Visit | undefined {
  if (!next) return undefined;
  return (value, found) => {
    const child = (value as JsonObject)[property];
    const item = Array.isArray(child) ? child[index] : index === 0 ? child : undefined;
    if (item !== undefined && item !== null) next(item, found);
  };
}

function onlyIf(holds: (value: JsonObject) => boolean, next: Visit | undefined): Visit | undefined {
  return next && ((value, found) => (isJsonObject(value) && holds(value) ? next(value, found) : undefined));
}

/** The part of a text before the first separator, or the one behind the last. */
function partAt(end: 'first' | 'last', separator: string, next: Visit | undefined): Visit | undefined {
  if (!next) return undefined;
  return (value, found) => {
    if (typeof value === 'string') next(value.split(separator).at(end === 'first' ? 0 : -1) ?? '', found);
  };
}

/** `Type/id`, also below a base URL and with a version; or whatever the reference's own `type` says. */
function refersTo(type: string): (reference: JsonObject) => boolean {
  const literal = new RegExp(`(?:^|/)${type}/[^/]+(?:/_history/[^/]+)?$`);
  return (reference) =>
    reference.type === type || (typeof reference.reference === 'string' && literal.test(reference.reference));
}
