import { readDefinitions, type VersionDescription } from '../definitions/definition-folders.js';
import type { JsonObject } from '../json/json-value.js';
import type { Issue } from '../outcomes/issue.js';
import { assertDistinctKeys, searchParametersOf, type SearchParameter } from '../search-parameters/search-parameter.js';
import { ResourceValidator } from '../validation/resource-validator.js';

/** All that differs between FHIR versions. Code asks this object and never compares version names. */
export interface FhirVersion {
  /** `4.0.1` */
  readonly id: string;
  /** `R4` */
  readonly label: string;
  /** All types that a project can hold: FHIR's and the platform's own (`platformTypes`), each group sorted. */
  readonly resourceTypes: readonly string[];
  readonly platformTypes: readonly string[];
  isResourceType(name: string): boolean;
  /** The search parameters of a type by code, those of all resources included; empty for an unknown type. */
  searchParameters(type: string): ReadonlyMap<string, SearchParameter>;
  /** The date parameter by which resources of the type are usually ordered, if there is one. */
  mainDate(type: string): SearchParameter | undefined;
  /**
   * What is wrong with the form of `resource`, by the base definition of its type: at most 20 issues, none when it is
   * valid. Not checked: invariants, profiles, reference targets, bindings of Coding and CodeableConcept.
   */
  validate(resource: JsonObject): Issue[];
  /**
   * Which types belong to the compartment, each with the codes of the reference parameters that put a resource into it
   * (https://hl7.org/fhir/R4/compartmentdefinition.html). The compartment's own resource belongs to it by its id, which
   * no parameter tells. Throws for a compartment that the version does not have.
   */
  compartment(code: string): ReadonlyMap<string, readonly string[]>;
  /** Compiles what the types need, so that the first request of each is as quick as the next. */
  warm(types: readonly string[]): void;
}

/** Stands in compartment definitions for the compartment's own resource; it is no search parameter. */
const compartmentOwner = '{def}';

const noParameters: ReadonlyMap<string, SearchParameter> = new Map();

/** Reads the version in `folder`. Throws when its definitions contradict each other. */
export function loadFhirVersion(folder: string, description: VersionDescription): FhirVersion {
  const definitions = readDefinitions(folder);
  const resourceTypes = [...definitions.resourceTypes, ...definitions.platformTypes];
  assertDistinctKeys(definitions.searchParameters, resourceTypes);

  const types = new Set(resourceTypes);
  const context = { schema: definitions.schema, fhirpathModel: description.fhirpathModel };
  const parameters = new Map<string, ReadonlyMap<string, SearchParameter>>();
  const compartments = new Map(definitions.compartments.map(({ code, resource }) => [code, compartmentMap(resource)]));
  const validator = new ResourceValidator(definitions.schema, description.label);

  function searchParameters(type: string): ReadonlyMap<string, SearchParameter> {
    if (!types.has(type)) return noParameters;
    let found = parameters.get(type);
    if (!found) {
      found = searchParametersOf(context, definitions.searchParameters, type);
      parameters.set(type, found);
    }
    return found;
  }

  return {
    id: description.id,
    label: description.label,
    resourceTypes,
    platformTypes: definitions.platformTypes,
    isResourceType: (name) => types.has(name),
    searchParameters,
    mainDate: (type) => {
      const declared = Object.hasOwn(description.mainDates, type) ? description.mainDates[type] : undefined;
      const parameter = searchParameters(type).get(declared ?? 'date');
      return parameter?.type === 'date' ? parameter : undefined;
    },
    validate: (resource) => validator.validate(resource),
    compartment: (code) => {
      const found = compartments.get(code);
      if (!found) throw new Error(`FHIR ${description.label} defines no compartment ${code}`);
      return found;
    },
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
