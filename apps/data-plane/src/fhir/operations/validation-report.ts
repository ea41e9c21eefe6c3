import type { FhirVersion, Issue, JsonObject } from '#fhir';
import type { TenantDatabase } from '#fhir-store';

/** What a client wants to do with the resource that it asks about (https://hl7.org/fhir/R4/valueset-resource-validation-mode.html). */
export const validationModes = ['create', 'update', 'delete', 'profile'] as const;
export type ValidationMode = (typeof validationModes)[number];

export interface ValidationQuestion {
  readonly resource: JsonObject;
  /** The type in the address. */
  readonly type: string;
  /** The id in the address. */
  readonly id?: string;
  readonly mode?: ValidationMode;
  readonly profiles: readonly string[];
}

/**
 * What there is to say about a resource, errors first, for an OperationOutcome: what the base definition of its type
 * demands, what its intended use demands, and which profiles were not looked at. It is valid when none is an error.
 */
export function validationReport(
  { version, validation }: Pick<TenantDatabase, 'version' | 'validation'>,
  question: ValidationQuestion,
): Issue[] {
  const { resource, type, id, mode, profiles } = question;
  const issues: Issue[] = [];
  if (resource.resourceType !== type) {
    issues.push(error('invalid', `The URL asks for ${type}, but the resource is of another type.`, 'resourceType'));
  } else {
    issues.push(...version.validate(resource, validation));
  }
  if (mode === 'update' && id !== undefined && resource.id !== id) {
    issues.push(error('invalid', `An update of ${type}/${id} needs this id in the resource.`, `${type}.id`));
  }
  for (const profile of profiles) {
    if (profile === baseProfile(version, type)) continue;
    issues.push(error('not-supported', `The profile ${profile} is not supported: only base definitions are.`));
  }
  for (const claimed of claimedProfiles(resource)) {
    if (claimed === baseProfile(version, type) || profiles.includes(claimed)) continue;
    const text = `The resource claims the profile ${claimed}, which was not checked.`;
    issues.push({ severity: 'information', code: 'informational', text, expression: [`${type}.meta.profile`] });
  }
  return issues;
}

/** The url of the definition that every resource of the type is held to. */
function baseProfile(version: FhirVersion, type: string): string | undefined {
  return version.definitions('StructureDefinition').find(({ id }) => id === type)?.url;
}

function claimedProfiles({ meta }: JsonObject): string[] {
  const { profile } = (meta ?? {}) as JsonObject;
  return Array.isArray(profile) ? profile.filter((url) => typeof url === 'string') : [];
}

function error(code: string, text: string, expression?: string): Issue {
  return { severity: 'error', code, text, ...(expression === undefined ? {} : { expression: [expression] }) };
}
