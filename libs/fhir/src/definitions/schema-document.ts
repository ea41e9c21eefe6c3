/**
 * The form of `schema.json`: a small part of JSON Schema, and five keywords of our own for what FHIR adds.
 * - `req`: required elements. A primitive may be present by its sibling `_name` alone; `=name` says it may not.
 * - `choice`: `[min, base, name...]`, of value[x] exactly one (min 1) or at most one is present.
 * - `resource`: the value is a resource: of any type (`true`) or of the type named.
 * - `targets`: what a Reference may point to; not checked.
 * - `text`, `b64`: a string that is not blank; base64.
 */
export interface SchemaNode {
  $ref?: string;
  type?: 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';
  const?: string;
  enum?: string[];
  pattern?: string;
  minimum?: number;
  maximum?: number;
  items?: SchemaNode;
  minItems?: number;
  anyOf?: SchemaNode[];
  properties?: Record<string, SchemaNode>;
  additionalProperties?: false;
  minProperties?: number;
  req?: string[];
  choice?: [min: number, base: string, ...names: string[]][];
  resource?: true | string;
  targets?: string[];
  text?: true;
  b64?: true;
}

export type SchemaDefinitions = Record<string, SchemaNode>;

/** The name of the definition that `$ref` points to. */
export function referencedName(ref: string): string {
  return ref.slice('#/definitions/'.length);
}

/** True when the definition called `name` is that of a resource. */
export function isResourceDefinition(definitions: SchemaDefinitions, name: string): boolean {
  return Object.hasOwn(definitions, name) && definitions[name]?.properties?.resourceType?.const === name;
}

/** An entry of `req` or `choice`, taken apart: `=name` is present by itself only, `name` also by `_name`. */
export function presence(entry: string): { name: string; sibling?: string } {
  return entry.startsWith('=') ? { name: entry.slice(1) } : { name: entry, sibling: `_${entry}` };
}
