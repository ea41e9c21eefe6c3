import type { QueryRunner } from 'typeorm';
import type { TenantMigration } from './tenant-migration.js';

/**
 * Auditors ask what was deleted. Deletions are few among all that is audited, and without an index of their own they are
 * looked for among the newest rows of every kind, of which one search takes only so many.
 */
export class AuditDeletions1795305600000 implements TenantMigration {
  readonly name = 'AuditDeletions1795305600000';
  readonly phase = 'expand';
  // Built beside running writes, which PostgreSQL does outside transactions only.
  readonly transaction = false;
  // It reads the whole audit once.
  readonly statementTimeoutMs = 30 * 60_000;

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(
      `CREATE INDEX CONCURRENTLY IF NOT EXISTS audit_event_deletions ON audit_event (recorded, id) WHERE action = 'D'`,
    );
  }

  async down(): Promise<void> {
    throw new Error('Tenant databases are never migrated backwards: restore a backup taken before the migration.');
  }
}
