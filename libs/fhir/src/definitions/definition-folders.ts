/**
 * Where the definitions of FHIR versions come from: each folder of `libs/fhir/definitions` that has a `version.json` is
 * one version. The folder `platform` describes the platform's own resource types in the same form; they are added to
 * every version. Nothing else in the code knows which versions there are.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import type { BindingDocument, ConstraintDocument } from './constraint-document.js';
import { readArchive, type DefinitionResource } from './definition-archive.js';
import type { SchemaDefinitions, SchemaNode } from './schema-document.js';
import { readTerminologyArchive, type TerminologyResource } from './terminology-archive.js';

/** What `version.json` says. */
export interface VersionDescription {
  /** The version number, `4.0.1`. */
  id: string;
  /** The short name that also stands in URLs, `R4`. */
  label: string;
  /** Which of the fhirpath package's data models fits. */
  fhirpathModel: string;
  /** With which outcome a JSON Patch is refused whose `test` fails (412 or 422). */
  failedPatchTest: 'precondition-failed' | 'unprocessable';
  /** Whether a conditional delete can be about several types at once. */
  deletesAcrossTypes: boolean;
  /** The code of the date parameter by which resources of a type are ordered, where that is not `date`. */
  mainDates: Record<string, string>;
}

export type SearchParameterType =
  'number' | 'date' | 'string' | 'token' | 'reference' | 'composite' | 'quantity' | 'uri' | 'special';

/** An entry of `search-parameters.json`. `byBase` holds, per base type, FHIRPath expressions whose results are joined. */
export interface SearchParameterDefinition {
  url: string;
  code: string;
  type: SearchParameterType;
  base: string[];
  byBase?: Record<string, string[]>;
  target?: string[];
  /** Of composites. Each expression starts at the nodes that `byBase` yields. */
  component?: SearchComponentDefinition[];
}

/** A part of a composite: the parameter (by its url) that says how it is compared, and where it is found. */
export interface SearchComponentDefinition {
  definition: string;
  expression: string;
}

/** An entry of `compartments.json`: per type, the codes of the parameters that put a resource into the compartment. */
interface CompartmentDefinition {
  code: string;
  resource: Record<string, string[]>;
}

/** An entry of `operations.json`: an operation and its parameters (https://hl7.org/fhir/R4/operationdefinition.html). */
export interface OperationDescription {
  readonly url: string;
  readonly code: string;
  readonly name: string;
  /** The types at which it can be called, with those of `type` and `instance` that are true; empty for the system. */
  readonly resource?: readonly string[];
  readonly system: boolean;
  readonly type: boolean;
  readonly instance: boolean;
  readonly affectsState?: boolean;
  readonly parameter: readonly OperationParameter[];
}

interface OperationParameter {
  readonly name: string;
  readonly use?: 'in' | 'out';
  readonly min: number;
  readonly max: string;
  readonly type?: string;
  readonly searchType?: string;
  readonly targetProfile?: readonly string[];
  readonly part?: readonly OperationParameter[];
}

export interface VersionDefinitions {
  /** HL7's resource types. */
  resourceTypes: string[];
  /** The platform's own. */
  platformTypes: string[];
  schema: SchemaDefinitions;
  /** HL7's and the platform's. */
  searchParameters: SearchParameterDefinition[];
  platformSearchParameters: SearchParameterDefinition[];
  compartments: CompartmentDefinition[];
  /** By resource type, the members that stand in its summary. The platform's types have none of their own. */
  summaryElements: Record<string, string[]>;
  /** In the same form, the members that may change what the others mean. */
  modifierElements: Record<string, string[]>;
  /** By list of codes in the schema (`vs:…`), the code systems from which they are. */
  codeSystems: Record<string, string[]>;
  constraints: ConstraintDocument;
  bindings: BindingDocument;
}

const root = new URL('../../definitions/', import.meta.url);

/** The versions there are, by version number, with the folder that holds each. Reads only the `version.json` files. */
export function versionFolders(): { folder: string; description: VersionDescription }[] {
  return readdirSync(root)
    .filter((folder) => existsSync(new URL(`${folder}/version.json`, root)))
    .map((folder) => ({ folder, description: read<VersionDescription>(folder, 'version') }))
    .sort((a, b) => (a.description.id < b.description.id ? -1 : 1));
}

/** All definitions of the version in `folder`, with the platform's types added. Takes some 20 ms. */
export function readDefinitions(folder: string): VersionDefinitions {
  const schema = read<{ definitions: SchemaDefinitions }>(folder, 'schema').definitions;
  const platform = read<PlatformSchema>('platform', 'schema');
  const platformSearchParameters = read<SearchParameterDefinition[]>('platform', 'search-parameters');
  return {
    resourceTypes: read<string[]>(folder, 'resource-types'),
    platformTypes: read<string[]>('platform', 'resource-types'),
    schema: withPlatformTypes(schema, platform),
    searchParameters: [...read<SearchParameterDefinition[]>(folder, 'search-parameters'), ...platformSearchParameters],
    platformSearchParameters,
    compartments: read<CompartmentDefinition[]>(folder, 'compartments'),
    summaryElements: read<Record<string, string[]>>(folder, 'summary-elements'),
    modifierElements: read<Record<string, string[]>>(folder, 'modifier-elements'),
    codeSystems: read<Record<string, string[]>>(folder, 'code-systems'),
    constraints: read<ConstraintDocument>(folder, 'constraints'),
    bindings: read<BindingDocument>(folder, 'bindings'),
  };
}

/** The operations that the version in `folder` defines. */
export function readOperations(folder: string): OperationDescription[] {
  return read<OperationDescription[]>(folder, 'operations');
}

/** The platform's own operations, which every version has. */
export function readPlatformOperations(): OperationDescription[] {
  return read<OperationDescription[]>('platform', 'operations');
}

/** The definition resources that HL7 publishes for the version in `folder`. */
export function readDefinitionResources(folder: string): DefinitionResource[] {
  return readArchive(new URL(`${folder}/`, root));
}

/** The ValueSets and CodeSystems of the version in `folder`, then those that HL7 publishes for all versions. */
export function readTerminology(folder: string): TerminologyResource[] {
  return [folder, 'terminology'].flatMap((name) => readTerminologyArchive(new URL(`${name}/`, root)));
}

/** The platform's `schema.json`: definitions in the form of the versions' own, and what all of them have in common. */
interface PlatformSchema {
  /** Properties of each resource defined here. */
  everyResource: Record<string, SchemaNode>;
  /** Properties of each other element defined here. */
  everyElement: Record<string, SchemaNode>;
  /** Properties that the platform adds to definitions of the standard. */
  additions: Record<string, Record<string, SchemaNode>>;
  definitions: SchemaDefinitions;
}

function withPlatformTypes(standard: SchemaDefinitions, platform: PlatformSchema): SchemaDefinitions {
  const schema = { ...standard };
  for (const [name, definition] of Object.entries(platform.definitions)) {
    if (name in schema) throw new Error(`The platform's definition ${name} has the name of one of FHIR's`);
    const { properties } = definition;
    // Some elements have a member of that name too, which says what type they are about.
    const common = properties?.resourceType?.const === name ? platform.everyResource : platform.everyElement;
    schema[name] = properties ? { ...definition, properties: { ...common, ...properties } } : definition;
  }
  for (const [name, properties] of Object.entries(platform.additions)) {
    const extended = schema[name];
    if (!extended?.properties) throw new Error(`The platform adds properties to ${name}, which is not defined`);
    schema[name] = { ...extended, properties: { ...extended.properties, ...properties } };
  }
  return schema;
}

function read<T>(folder: string, document: string): T {
  return JSON.parse(readFileSync(new URL(`${folder}/${document}.json`, root), 'utf8')) as T;
}
