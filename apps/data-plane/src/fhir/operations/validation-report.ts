import type { Issue, JsonObject } from '#fhir';
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
}

/**
 * What there is to say about a resource, errors first, for an OperationOutcome: what the base definition of its type
 * demands, and what its intended use demands. It is right when there is none.
 */
export function validationReport({ version }: Pick<TenantDatabase, 'version'>, question: ValidationQuestion): Issue[] {
  const { resource, type, id, mode } = question;
  const issues: Issue[] = [];
  if (resource.resourceType !== type) {
    issues.push(error('invalid', `The URL asks for ${type}, but the resource is of another type.`, 'resourceType'));
  } else {
    issues.push(...version.validate(resource));
  }
  if (mode === 'update' && id !== undefined && resource.id !== id) {
    issues.push(error('invalid', `An update of ${type}/${id} needs this id in the resource.`, `${type}.id`));
  }
  return issues;
}

function error(code: string, text: string, expression?: string): Issue {
  return { severity: 'error', code, text, ...(expression === undefined ? {} : { expression: [expression] }) };
}
