/**
 * Definition resources of the platform's own types, in the same form as HL7's: clients that learn about types by reading
 * StructureDefinitions and SearchParameters learn about these too. They are made from the documents that the rest of the
 * code works by, so they say what is really done.
 */
import type { JsonObject } from '../json/json-value.js';
import type { DefinitionResource, DefinitionType } from './definition-archive.js';
import type { OperationDescription, SearchParameterDefinition } from './definition-folders.js';
import type { SchemaDefinitions } from './schema-document.js';
import { structureOf, type StructureElement } from './structure.js';

export interface PlatformTypes {
  fhirVersion: string;
  schema: SchemaDefinitions;
  types: readonly string[];
  searchParameters: readonly SearchParameterDefinition[];
  operations: readonly OperationDescription[];
}

/** A StructureDefinition for each of the platform's types, a SearchParameter for each of their parameters, and its operations. */
export function platformResources(platform: PlatformTypes): DefinitionResource[] {
  return [
    ...platform.types.map((type) => structureDefinition(platform, type)),
    ...platform.searchParameters.map((parameter) => searchParameter(parameter, platform)),
    ...platform.operations.map((operation) => operationDefinition(operation, platform.fhirVersion)),
  ];
}

/** The address under which the SDK of the applications looks for the definitions of these types; it takes no other. */
const structureUrl = (type: string) => `https://medplum.com/fhir/StructureDefinition/${type}`;
const standardUrl = (type: string) => `http://hl7.org/fhir/StructureDefinition/${type}`;

/** The definitions are part of the program; this is when their form was settled. */
const lastUpdated = '2026-01-01T00:00:00.000Z';

function structureDefinition(platform: PlatformTypes, type: string): DefinitionResource {
  const description = `The platform's resource type ${type}`;
  const members = {
    url: structureUrl(type),
    version: platform.fhirVersion,
    name: type,
    status: 'active',
    kind: 'resource',
    type,
    abstract: false,
    derivation: 'specialization',
  };
  const root = elementDefinition(type, description, 0, '*');
  const snapshot = { element: [root, ...elementDefinitions(platform, type, type)] };
  const { fhirVersion } = platform;
  const others = { description, fhirVersion, baseDefinition: standardUrl('DomainResource'), snapshot };
  return definitionResource('StructureDefinition', type, members, others);
}

function searchParameter(
  parameter: SearchParameterDefinition,
  { fhirVersion, schema }: PlatformTypes,
): DefinitionResource {
  const { url, code, type, base } = parameter;
  const expression = Object.values(parameter.byBase ?? {}).flat();
  const members = { url, version: fhirVersion, name: code, status: 'active', code, type, base };
  // Versions that have this member demand it beside an expression.
  const hasMode = expression.length > 0 && schema.SearchParameter?.properties?.processingMode !== undefined;
  const others = {
    description: `Finds ${base.join(', ')} by ${code}`,
    ...(expression.length > 0 ? { expression: expression.join(' | ') } : {}),
    ...(hasMode ? { processingMode: 'normal' } : {}),
    ...(parameter.target ? { target: parameter.target } : {}),
  };
  const id = url.replace(/^.*[:/]/, '');
  return definitionResource('SearchParameter', id, members, others);
}

function operationDefinition(operation: OperationDescription, fhirVersion: string): DefinitionResource {
  const { url, code, name, resource, system, type, instance, affectsState = false, parameter } = operation;
  const members = {
    url,
    version: fhirVersion,
    name,
    status: 'active',
    kind: 'operation',
    code,
    system,
    type,
    instance,
  };
  const id = url.replace(/^.*[:/]/, '');
  const others = { affectsState, resource, parameter } as unknown as JsonObject;
  return definitionResource('OperationDefinition', id, members, others);
}

/** `members` are those that searches find the resource by, `others` the rest. */
function definitionResource(
  type: DefinitionType,
  id: string,
  members: { url: string; name: string } & Record<string, string | boolean | string[]>,
  others: JsonObject,
): DefinitionResource {
  const meta = { versionId: '0', lastUpdated };
  return {
    type,
    id,
    url: members.url,
    name: members.name,
    keys: Object.fromEntries(Object.entries(members).map(([key, value]) => [key, [value].flat().map(String)])),
    text: () => JSON.stringify({ resourceType: type, id, meta, ...members, ...others }),
  };
}

/** The elements below `path`, which is described by `definition`, each followed by its own. */
function elementDefinitions(platform: PlatformTypes, definition: string, path: string): JsonObject[] {
  const members = structureOf(platform.schema, definition) ?? [];
  const shown = new Set<string>();
  return members.flatMap((member) => {
    const name = member.choice === undefined ? member.name : `${member.choice}[x]`;
    if (shown.has(name)) return [];
    shown.add(name);
    const forms = member.choice === undefined ? [member] : members.filter(({ choice }) => choice === member.choice);
    const required = platform.schema[definition]?.choice?.some(([min, base]) => min > 0 && base === member.choice);
    const element = elementDefinition(
      `${path}.${name}`,
      `The ${name} of ${path}`,
      member.isRequired || required ? 1 : 0,
      member.isArray ? '*' : '1',
    );
    // An element that has the form of another one refers to it; its own members are not said again.
    if (member.type.includes('.') && member.type !== `${path}.${name}`)
      return [{ ...element, contentReference: `#${member.type}` }];
    const nested = member.type.includes('.') ? elementDefinitions(platform, member.type, `${path}.${name}`) : [];
    return [{ ...element, type: forms.map((form) => typeReference(platform, form)), ...binding(member) }, ...nested];
  });
}

function elementDefinition(path: string, definition: string, min: number, max: string): JsonObject {
  return { id: path, path, definition, min, max, base: { path, min, max } };
}

function typeReference(platform: PlatformTypes, { type, targets }: StructureElement): JsonObject {
  if (type.includes('.')) return { code: 'BackboneElement' };
  const url = (target: string) => (platform.types.includes(target) ? structureUrl(target) : standardUrl(target));
  return { code: type, ...(targets ? { targetProfile: targets.map(url) } : {}) };
}

function binding({ codes }: StructureElement): JsonObject {
  return codes ? { binding: { strength: 'required', description: `One of: ${codes.join(', ')}` } } : {};
}
