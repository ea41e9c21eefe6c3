/**
 * Turns `schema.json` into checks: one closure per node, shared by all that refer to it, made on first use. A check walks
 * value and schema together and reports to a Findings. There is no code generation, so a type costs microseconds to
 * compile and little memory, whatever number of versions and types a process serves.
 */
import {
  isResourceDefinition,
  presence,
  referencedName,
  type SchemaDefinitions,
  type SchemaNode,
} from '../definitions/schema-document.js';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.js';
import type { Findings } from './findings.js';
import { primitiveCheck, type Check } from './primitive-checks.js';

/** One member that an object may have. */
interface Property {
  /** The element's name in expressions: `value` for `valueQuantity`, `birthDate` for `_birthDate`. */
  segment: string;
  check: Check;
  /** For lists of primitives, whose items may be null: the name of the list that must have something there instead. */
  sibling?: string;
}

interface Requirement {
  name: string;
  sibling?: string;
}

export class SchemaCompiler {
  private readonly checks = new Map<string, Check>();

  constructor(private readonly definitions: SchemaDefinitions) {}

  /** The check of the definition called `name`, or `undefined` when it is not a resource's. */
  resourceCheck(name: string): Check | undefined {
    return isResourceDefinition(this.definitions, name) ? this.definitionCheck(name) : undefined;
  }

  private definitionCheck(name: string): Check {
    const known = this.checks.get(name);
    if (known) return known;
    const definition = this.definitions[name];
    if (!definition) throw new Error(`The schema refers to ${name}, which it does not define`);
    const check = definition.properties ? this.objectCheck(name, definition) : primitiveCheck(name, definition);
    this.checks.set(name, check);
    return check;
  }

  /** The check of a node; that of a definition is looked up when it is first needed, since types refer to each other. */
  private nodeCheck(node: SchemaNode): Check {
    if (node.items) return this.arrayCheck(node.items, node.minItems ?? 0);
    if (node.resource !== undefined) return this.anyResourceCheck(node.resource);
    if (node.$ref === undefined) return primitiveCheck(this.nameOfPattern(node.pattern), node);
    const name = referencedName(node.$ref);
    const definition = this.definitions[name];
    if (definition && !definition.properties) return this.definitionCheck(name);
    let check: Check | undefined;
    return (value, findings) => (check ??= this.definitionCheck(name))(value, findings);
  }

  private nameOfPattern(pattern: string | undefined): string | undefined {
    return pattern === undefined
      ? undefined
      : ['id', 'uri'].find((name) => this.definitions[name]?.pattern === pattern);
  }

  private arrayCheck(items: SchemaNode, minItems: number): Check {
    const [nonNull] = items.anyOf ?? [];
    const check = this.nodeCheck(nonNull ?? items);
    return (value, findings) => {
      if (!Array.isArray(value)) return findings.report('structure', 'must be a list, in square brackets');
      if (value.length < minItems) findings.report('structure', 'must not be an empty list; leave it out instead');
      for (let index = 0; index < value.length && !findings.full; index++) {
        const item = value[index] as JsonValue;
        if (item === null && nonNull) continue;
        if (!findings.enter(index)) return;
        check(item, findings);
        findings.leave();
      }
    };
  }

  private anyResourceCheck(wanted: true | string): Check {
    return (value, findings) => {
      if (!isJsonObject(value)) return findings.report('structure', 'must be a resource, in curly brackets');
      const { resourceType } = value;
      const check =
        typeof resourceType === 'string' && (wanted === true || wanted === resourceType)
          ? this.resourceCheck(resourceType)
          : undefined;
      if (check) check(value, findings);
      else findings.report('structure', `must have a known resourceType${wanted === true ? '' : `: ${wanted}`}`);
    };
  }

  private objectCheck(name: string, definition: SchemaNode): Check {
    const properties = this.properties(definition);
    const required = (definition.req ?? []).map(presence);
    const choices = (definition.choice ?? []).map(([min, base, ...forms]) => ({
      min,
      base,
      forms: forms.map(presence),
    }));
    const allowsEmpty = definition.minProperties === undefined;
    const typeName = name.includes('.') ? 'an object' : `a ${name}`;
    return (value, findings) => {
      if (!isJsonObject(value)) return findings.report('structure', `must be ${typeName}, in curly brackets`);
      const count = checkMembers(value, properties, findings);
      if (count === 0 && !allowsEmpty)
        findings.report('invariant', 'must not be an empty object; leave it out instead');
      for (const requirement of required) {
        if (!isPresent(value, requirement)) findings.report('required', 'is required', requirement.name);
      }
      for (const { min, base, forms } of choices) checkChoice(value, min, base, forms, findings);
    };
  }

  private properties(definition: SchemaNode): Map<string, Property> {
    const bases = new Map(
      (definition.choice ?? []).flatMap(([, base, ...forms]) => forms.map((form) => [presence(form).name, base])),
    );
    const properties = new Map<string, Property>();
    for (const [name, node] of Object.entries(definition.properties ?? {})) {
      const element = name.startsWith('_') ? name.slice(1) : name;
      const property: Property = { segment: bases.get(element) ?? element, check: this.nodeCheck(node) };
      if (node.items?.anyOf) property.sibling = name === element ? `_${name}` : element;
      properties.set(name, property);
    }
    return properties;
  }
}

/** Checks each member by its own definition and returns how many there are. */
function checkMembers(value: JsonObject, properties: Map<string, Property>, findings: Findings): number {
  let count = 0;
  for (const name of Object.keys(value)) {
    const member = value[name];
    if (member === undefined) continue;
    count++;
    if (findings.full) return count;
    const property = properties.get(name);
    if (!property) {
      findings.report('structure', 'is not an element of this type', name.slice(0, maxNameShown));
      continue;
    }
    if (!findings.enter(property.segment)) return count;
    if (member === null) findings.report('structure', 'must not be null; leave it out instead');
    else {
      property.check(member, findings);
      if (property.sibling !== undefined && Array.isArray(member)) {
        checkNulls(member, value[property.sibling], property.sibling, findings);
      }
    }
    findings.leave();
  }
  return count;
}

const maxNameShown = 60;

/**
 * In a list of primitives null stands where there is no value but an extension, or no extension but a value
 * (https://hl7.org/fhir/R4/json.html#primitive): the other list must have something at that place.
 */
function checkNulls(list: JsonValue[], other: JsonValue | undefined, otherName: string, findings: Findings): void {
  for (let index = list.indexOf(null); index !== -1 && !findings.full; index = list.indexOf(null, index + 1)) {
    if (Array.isArray(other) && other[index] !== null && other[index] !== undefined) continue;
    if (!findings.enter(index)) return;
    findings.report('structure', `must not be null unless ${otherName} has a value at the same place`);
    findings.leave();
  }
}

function isPresent(value: JsonObject, { name, sibling }: Requirement): boolean {
  return value[name] !== undefined || (sibling !== undefined && value[sibling] !== undefined);
}

function checkChoice(value: JsonObject, min: number, base: string, forms: Requirement[], findings: Findings): void {
  let present = 0;
  for (const form of forms) if (isPresent(value, form)) present++;
  if (present > 1) {
    const names = forms.filter((form) => isPresent(value, form)).map(({ name }) => name);
    findings.report('structure', `may have one type only, but has ${names.join(' and ')}`, base);
  } else if (present < min) {
    findings.report('required', `is required, as one of: ${forms.map(({ name }) => name).join(', ')}`, base);
  }
}
