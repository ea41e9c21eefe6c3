import type { DefinitionResource, DefinitionType } from '../definitions/definition-archive.js';
import {
  readDefinitionResources,
  readDefinitions,
  readOperations,
  readPlatformOperations,
  readTerminology,
  type OperationDescription,
  type VersionDescription,
} from '../definitions/definition-folders.js';
import { platformResources } from '../definitions/platform-resources.js';
import { mandatoryMembers, structureOf, type StructureElement } from '../definitions/structure.js';
import type { JsonObject } from '../json/json-value.js';
import type { Issue } from '../outcomes/issue.js';
import { profileRules, type ProfileRules } from '../profiles/profile-rules.js';
import {
  assertDistinctKeys,
  indexDefinitions,
  searchParametersOf,
  type SearchParameter,
} from '../search-parameters/search-parameter.js';
import { builtInTerminology, type BuiltInTerminology } from '../terminology/built-in-terminology.js';
import { platformTerminology } from '../terminology/platform-terminology.js';
import { InvariantWalk } from '../validation/invariant-walk.js';
import { ResourceValidator, type ValidationLevel } from '../validation/resource-validator.js';

/** All that differs between FHIR versions. Code asks this object and never compares version names. */
export interface FhirVersion {
  /** `4.0.1` */
  readonly id: string;
  /** `R4` */
  readonly label: string;
  /** Which of the fhirpath package's data models fits the version. */
  readonly fhirpathModel: string;
  /**
   * With which outcome a JSON Patch is refused whose `test` fails: a precondition where the version says nothing about it
   * (RFC 5789 section 2.2), else what the version says (https://hl7.org/fhir/R5/http.html#patch).
   */
  readonly failedPatchTest: 'precondition-failed' | 'unprocessable';
  /** Whether there is `DELETE [base]?criteria`, a conditional delete of several types at once. */
  readonly deletesAcrossTypes: boolean;
  /** All types that a project can hold: FHIR's and the platform's own (`platformTypes`), each group sorted. */
  readonly resourceTypes: readonly string[];
  readonly platformTypes: readonly string[];
  isResourceType(name: string): boolean;
  /** The search parameters of a type by code, those of all resources included; empty for an unknown type. */
  searchParameters(type: string): ReadonlyMap<string, SearchParameter>;
  /** The date parameter by which resources of the type are usually ordered, if there is one. */
  mainDate(type: string): SearchParameter | undefined;
  /**
   * What is wrong with `resource` by the base definition of its type: at most 20 issues, none when it is valid. At level
   * `invariants`, the default, that includes what is wrong with the content of a resource of the right form. Never
   * checked: profiles (see `profiles`), reference targets, bindings that are weaker than required or to open value sets.
   */
  validate(resource: JsonObject, level?: ValidationLevel): Issue[];
  /**
   * Which types belong to the compartment, each with the codes of the reference parameters that put a resource into it
   * (https://hl7.org/fhir/R4/compartmentdefinition.html). The compartment's own resource belongs to it by its id, which
   * no parameter tells. Throws for a compartment that the version does not have.
   */
  compartment(code: string): ReadonlyMap<string, readonly string[]>;
  /** The codes of the compartments there are: `Patient`, `Encounter`, ... */
  readonly compartments: readonly string[];
  /**
   * The JSON members of a resource type, data type or backbone element (`Patient.contact`), those of the platform's types
   * included; `undefined` for primitive types and unknown names.
   */
  structure(name: string): readonly StructureElement[] | undefined;
  /**
   * The names of the members that `_summary=true` shows of a resource of the type (https://hl7.org/fhir/R4/search.html#summary).
   * A choice stands with all its forms; `_name` siblings are not listed. Empty for an unknown type.
   */
  summaryElements(type: string): ReadonlySet<string>;
  /** In the same form, the names of the members that each resource of the type must have. */
  mandatoryElements(type: string): ReadonlySet<string>;
  /**
   * In the same form, the names of the members that may change what the others mean
   * (https://hl7.org/fhir/R4/conformance-rules.html#isModifier), such as `Patient.active`.
   */
  modifierElements(type: string): ReadonlySet<string>;
  /** The operations that the standard defines, and the platform's own. */
  operations(): readonly OperationDescription[];
  /**
   * The resources that describe the version and the platform's types, by which clients learn what there is. They are
   * part of the program and the same for every project.
   */
  definitions(type: DefinitionType): readonly DefinitionResource[];
  /** The value sets and code systems of the standard and of the platform. Nothing of them is read before it is asked for. */
  readonly terminology: BuiltInTerminology;
  /** Reads profiles of the version's types, and holds resources to them. */
  readonly profiles: ProfileRules;
  /** Compiles what the types need, so that the first request of each is as quick as the next. */
  warm(types: readonly string[]): void;
}

/** Stands in compartment definitions for the compartment's own resource; it is no search parameter. */
const compartmentOwner = '{def}';

const noElements: ReadonlySet<string> = new Set();
const noParameters: ReadonlyMap<string, SearchParameter> = new Map();

/** Reads the version in `folder`. Throws when its definitions contradict each other. */
export function loadFhirVersion(folder: string, description: VersionDescription): FhirVersion {
  const definitions = readDefinitions(folder);
  const resourceTypes = [...definitions.resourceTypes, ...definitions.platformTypes];
  assertDistinctKeys(definitions.searchParameters, resourceTypes);

  const types = new Set(resourceTypes);
  const { schema, codeSystems } = definitions;
  const context = { schema, codeSystems, fhirpathModel: description.fhirpathModel };
  const parameterIndex = indexDefinitions(definitions.searchParameters);
  const parameters = new Map<string, ReadonlyMap<string, SearchParameter>>();
  const compartments = new Map(definitions.compartments.map(({ code, resource }) => [code, compartmentMap(resource)]));
  const structure = madeOnce((name) => structureOf(definitions.schema, name));
  const invariants = new InvariantWalk({
    structure,
    constraints: definitions.constraints,
    bindings: definitions.bindings,
    fhirpathModel: description.fhirpathModel,
  });
  const validator = new ResourceValidator(definitions.schema, description.label, invariants);
  const terminology = builtInTerminology(() => [
    ...platformTerminology({ standard: definitions.resourceTypes, platform: definitions.platformTypes }),
    ...readTerminology(folder),
  ]);
  const summary = madeOnce((type) => {
    if (!types.has(type)) return undefined;
    return new Set(definitions.summaryElements[type] ?? structure(type)?.map(({ name }) => name));
  });
  const mandatory = madeOnce((type) => (types.has(type) ? mandatoryMembers(definitions.schema, type) : undefined));
  const modifiers = madeOnce((type) => (types.has(type) ? new Set(definitions.modifierElements[type]) : undefined));
  let operations: OperationDescription[] | undefined;
  let resources: Map<DefinitionType, DefinitionResource[]> | undefined;

  function searchParameters(type: string): ReadonlyMap<string, SearchParameter> {
    if (!types.has(type)) return noParameters;
    let found = parameters.get(type);
    if (!found) {
      found = searchParametersOf(context, parameterIndex, type);
      parameters.set(type, found);
    }
    return found;
  }

  return {
    id: description.id,
    label: description.label,
    fhirpathModel: description.fhirpathModel,
    failedPatchTest: description.failedPatchTest,
    deletesAcrossTypes: description.deletesAcrossTypes,
    resourceTypes,
    platformTypes: definitions.platformTypes,
    isResourceType: (name) => types.has(name),
    searchParameters,
    mainDate: (type) => {
      const declared = Object.hasOwn(description.mainDates, type) ? description.mainDates[type] : undefined;
      const parameter = searchParameters(type).get(declared ?? 'date');
      return parameter?.type === 'date' ? parameter : undefined;
    },
    validate: (resource, level = 'invariants') => validator.validate(resource, level),
    compartment: (code) => {
      const found = compartments.get(code);
      if (!found) throw new Error(`FHIR ${description.label} defines no compartment ${code}`);
      return found;
    },
    compartments: [...compartments.keys()],
    structure,
    summaryElements: (type) => summary(type) ?? noElements,
    mandatoryElements: (type) => mandatory(type) ?? noElements,
    modifierElements: (type) => modifiers(type) ?? noElements,
    operations: () => (operations ??= [...readOperations(folder), ...readPlatformOperations()]),
    definitions: (type) => {
      resources ??= groupByType([
        ...readDefinitionResources(folder),
        ...platformResources({
          fhirVersion: description.id,
          schema: definitions.schema,
          types: definitions.platformTypes,
          searchParameters: definitions.platformSearchParameters,
          operations: readPlatformOperations(),
        }),
      ]);
      return resources.get(type) ?? [];
    },
    terminology,
    profiles: profileRules({
      structure,
      constraints: definitions.constraints,
      bindings: definitions.bindings,
      terminology,
      fhirpathModel: description.fhirpathModel,
    }),
    warm: (warmTypes) => {
      for (const type of warmTypes) {
        searchParameters(type);
        validator.warm(type);
      }
    },
  };
}

function compartmentMap(resource: Record<string, string[]>): ReadonlyMap<string, readonly string[]> {
  const entries = Object.entries(resource).map(
    ([type, codes]) => [type, codes.filter((code) => code !== compartmentOwner)] as const,
  );
  return new Map(entries.filter(([, codes]) => codes.length > 0));
}

/** `make` with its results kept. What it does not know is not kept, since names may come from clients. */
function madeOnce<Result extends object>(make: (name: string) => Result | undefined) {
  const known = new Map<string, Result>();
  return (name: string): Result | undefined => {
    let result = known.get(name);
    if (result) return result;
    result = make(name);
    if (result) known.set(name, result);
    return result;
  };
}

function groupByType(resources: DefinitionResource[]): Map<DefinitionType, DefinitionResource[]> {
  const groups = new Map<DefinitionType, DefinitionResource[]>();
  for (const resource of resources) {
    const group = groups.get(resource.type);
    if (group) group.push(resource);
    else groups.set(resource.type, [resource]);
  }
  return groups;
}
