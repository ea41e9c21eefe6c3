import type { JsonObject } from '../json/json-value.js';

/**
 * One problem, as FHIR's OperationOutcome.issue has it (https://hl7.org/fhir/R4/operationoutcome.html).
 * `code` is from the value set issue-type, `text` is for people, `expression` holds FHIRPath paths such as
 * `Patient.name[0].given`.
 */
export interface Issue {
  severity: 'fatal' | 'error' | 'warning' | 'information';
  code: string;
  text: string;
  expression?: string[];
}

/**
 * The OperationOutcome resource that tells a client about `issues`. `id` is the fixed word by which clients recognise
 * an outcome (`not-found`, `forbidden`, ...); outcomes about a request's content have none.
 */
export function operationOutcome(id: string | undefined, issues: readonly Issue[]): JsonObject {
  const issue = issues.map(({ severity, code, text, expression }) => ({
    severity,
    code,
    details: { text },
    ...(expression ? { expression: [...expression] } : {}),
  }));
  return { resourceType: 'OperationOutcome', ...(id === undefined ? {} : { id }), issue };
}
