/**
 * Ids that the compiler keeps apart: a ProjectId is not accepted where an OperationId is meant, while a plain string
 * (from a route, after its form was checked) is accepted by both.
 */
type Id<Kind extends string> = string & { readonly idOf?: Kind };

/** A UUID of version 7; also the id of the FHIR Project resource. */
export type ProjectId = Id<'project'>;
/** `op_` and 26 characters. */
export type OperationId = Id<'operation'>;
/** `rol_` and 26 characters. */
export type RolloutId = Id<'rollout'>;
/** `cl_` and 26 characters. */
export type ClusterId = Id<'cluster'>;
export type TenantDatabaseId = Id<'tenant database'>;
export type OperatorId = Id<'operator'>;
/** `key_` and 26 characters. */
export type ApiKeyId = Id<'api key'>;
export type DataKeyId = Id<'data key'>;

const uuidForm = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Whether the text has the form of a UUID in lower case; PostgreSQL refuses others with an error of its own. */
export function isUuid(text: string): boolean {
  return uuidForm.test(text);
}
