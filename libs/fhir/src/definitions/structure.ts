import {
  isResourceDefinition,
  presence,
  referencedName,
  type SchemaDefinitions,
  type SchemaNode,
} from './schema-document.js';

/** One member that a type's JSON objects may have. The `_name` siblings of primitives are not listed: each has one. */
export interface StructureElement {
  /** The member's name in JSON: `birthDate`, `valueQuantity`. */
  readonly name: string;
  /**
   * A primitive type (`string`), a data or resource type (`HumanName`), the path of a backbone element
   * (`Patient.contact`), or `Resource` for a resource of any type.
   */
  readonly type: string;
  readonly isArray: boolean;
  /** True when each object has it. Of a required choice, exactly one form is there, so none is required by itself. */
  readonly isRequired: boolean;
  /** For a form of a choice: the common name, `value` for `valueQuantity`. */
  readonly choice?: string;
  /** For a Reference: the resource types it may point to, where the definition says so. */
  readonly targets?: readonly string[];
  /** For a code from a closed list: the list. */
  readonly codes?: readonly string[];
}

/** The members of the definition called `name`, in its order; `undefined` for primitive types and unknown names. */
export function structureOf(schema: SchemaDefinitions, name: string): readonly StructureElement[] | undefined {
  const definition = Object.hasOwn(schema, name) ? schema[name] : undefined;
  if (!definition?.properties) return undefined;
  const required = new Set((definition.req ?? []).map((entry) => presence(entry).name));
  const choices = new Map(
    (definition.choice ?? []).flatMap(([, base, ...forms]) => forms.map((form) => [presence(form).name, base])),
  );
  const isResource = isResourceDefinition(schema, name);
  return Object.entries(definition.properties)
    .filter(([member]) => !(isResource && member === 'resourceType') && !member.startsWith('_'))
    .map(([member, node]) => {
      const item = node.items?.anyOf?.[0] ?? node.items ?? node;
      const choice = choices.get(member);
      const codes = item.enum ?? (item.$ref === undefined ? undefined : schema[referencedName(item.$ref)]?.enum);
      return {
        name: member,
        type: typeOf(item, member, isResource),
        isArray: node.items !== undefined,
        isRequired: required.has(member),
        ...(choice === undefined ? {} : { choice }),
        ...(item.targets ? { targets: item.targets } : {}),
        ...(codes ? { codes } : {}),
      };
    });
}

/** The names of the members that a summary or a selection of elements may not leave out: all required ones. */
export function mandatoryMembers(schema: SchemaDefinitions, type: string): ReadonlySet<string> {
  const definition = Object.hasOwn(schema, type) ? schema[type] : undefined;
  const required = (definition?.req ?? []).map((entry) => presence(entry).name);
  const ofChoices = (definition?.choice ?? [])
    .filter(([min]) => min > 0)
    .flatMap(([, , ...forms]) => forms.map((form) => presence(form).name));
  return new Set([...required, ...ofChoices]);
}

function typeOf(node: SchemaNode, member: string, isMemberOfResource: boolean): string {
  if (node.resource !== undefined) return node.resource === true ? 'Resource' : node.resource;
  if (node.enum) return 'code';
  if (node.$ref !== undefined) {
    const name = referencedName(node.$ref);
    return name.startsWith(valueSetPrefix) ? 'code' : name;
  }
  if (member === 'id') return isMemberOfResource ? 'id' : 'string';
  return member === 'url' ? 'uri' : 'string';
}

/** Definitions with such names are lists of codes. */
const valueSetPrefix = 'vs:';
