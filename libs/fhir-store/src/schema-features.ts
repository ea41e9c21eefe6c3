/**
 * Which schemas of tenant databases this release works with. A rollout reaches one database after the other, so for a time
 * there are databases of two schemas, and, while a release is replaced, data planes of two releases before them.
 */
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import type { TenantDatabase } from './tenant-database.js';

/**
 * Whether a release whose newest schema is `newest` serves a database of this one: its own, the one before it, and every
 * later one, since what a later release needs is added before anything is taken away.
 */
export function servesSchema(schemaVersion: number, newest = TENANT_SCHEMA_VERSION): boolean {
  return schemaVersion >= Math.max(1, newest - 1);
}

/**
 * What a statement may count on only where it is: the first schema that has it. An entry goes, and its question with it,
 * when the schema before is not served any more.
 */
const firstSchemaWith = {
  /** The index over what the audit knows of deletions. */
  deletionsInAudit: 2,
} as const;

/** Whether the tenant's database has it. To be asked by every statement that needs more than the oldest schema served. */
export function hasInSchema(
  { schemaVersion }: Pick<TenantDatabase, 'schemaVersion'>,
  feature: keyof typeof firstSchemaWith,
): boolean {
  return schemaVersion >= firstSchemaWith[feature];
}
