import { TenantBaseline1793232000000 } from './1793232000000-tenant-baseline.js';
import { AuditDeletions1795305600000 } from './1795305600000-audit-deletions.js';
import type { TenantMigration } from './tenant-migration.js';

export { tenantGrantStatements } from './grants.js';
export type { TenantBackfill, TenantMigration } from './tenant-migration.js';

/** The schema of every tenant database, oldest first. A migration is never edited once it has been released. */
export const tenantMigrations: readonly (new () => TenantMigration)[] = [
  TenantBaseline1793232000000,
  AuditDeletions1795305600000,
];

/** The number that a tenant database's schema has after all migrations of this release. */
export const TENANT_SCHEMA_VERSION = tenantMigrations.length;
