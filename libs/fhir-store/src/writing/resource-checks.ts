import { badRequest, conflict, invalidResource, type ResourceText } from '#fhir';
import { policyIssues, rightsSizeIssues } from '#access-policy';
import { assertAuditRetention } from '../audit/retention.js';
import { takeCredentials, type TakenResource } from '../credentials/take-credentials.js';
import type { ProjectSettings } from '../project-settings.js';
import type { StoredVersion } from '../stored-version.js';
import type { TenantDatabase } from '../tenant-database.js';

/** How strictly a resource is checked. */
type Strictness = Pick<ProjectSettings, 'isStrict' | 'validation'>;

const everything: Strictness = { isStrict: true, validation: 'invariants' };

/**
 * Cuts the credentials out of a resource and checks the rest. Throws 400 with all issues when it does not have the form
 * that its type demands, or holds more rules or entries than there may be; in a project that `isStrict` also when its
 * content, as far as its `validation` goes, or an access policy is not what it must be.
 */
export function acceptResource(
  { version }: TenantDatabase,
  text: ResourceText,
  { isStrict, validation } = everything,
): TakenResource {
  const taken = takeCredentials(text);
  const { value } = taken.text;
  const issues = version.validate(value, isStrict ? validation : 'structure');
  issues.push(...rightsSizeIssues(value));
  if (isStrict && text.resourceType === 'AccessPolicy') issues.push(...policyIssues(value));
  if (issues.length > 0) throw invalidResource(issues);
  if (text.resourceType === 'Project') assertAuditRetention(taken.text.value);
  return taken;
}

/** Throws 400 when the resource is of another type than the URL says. */
export function assertType(text: ResourceText, type: string): void {
  if (text.resourceType === type) return;
  throw badRequest(`The URL asks for ${type}, but the body is a ${text.resourceType}`, {
    expression: ['resourceType'],
  });
}

/** Throws 400 unless the resource is of the type and has the id that the URL says. */
export function assertIdentity(text: ResourceText, type: string, id: string): void {
  assertType(text, type);
  if (text.id === id) return;
  const problem = text.id === undefined ? 'the body has no id' : `the id in the body is ${text.id}`;
  throw badRequest(`The URL asks for ${type}/${id}, but ${problem}`, { expression: [`${type}.id`] });
}

/** Throws 400 when a resource names another id than that of the resource its criteria found. */
export function assertMatchedId(text: ResourceText, match: StoredVersion | undefined): void {
  if (match === undefined || text.id === undefined || text.id === match.id) return;
  throw badRequest('The criteria find a resource with another id than the one in the body', {
    expression: [`${text.resourceType}.id`],
  });
}

/**
 * Throws 409 when criteria find nothing, but the id in the body is that of another resource, which they do not select
 * (https://hl7.org/fhir/R5/http.html#cond-update).
 */
export function assertNotElsewhere(match: StoredVersion | undefined, current: StoredVersion | undefined): void {
  if (match !== undefined || current === undefined || current.deleted) return;
  throw conflict(`There is ${current.type}/${current.id}, but the criteria do not find it`);
}
