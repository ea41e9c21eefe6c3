import { createHash, randomBytes } from 'node:crypto';
import { compiledSql, type Connection, identifier, sql } from '#postgres';
import { tenantGrantStatements } from '#migrations/tenant';
import { schemaVersion } from '../migrate-schema.js';
import { describeCatalog, markUndo, undo } from './catalog.sql.js';

/** The schema that a tenant database really has. */
export interface SchemaDescription {
  /** A line for each table, column, constraint, index, function, grant and so on, sorted. */
  readonly lines: readonly string[];
  /** SHA-256 of the lines, in hex: equal when the schemas are. */
  readonly fingerprint: string;
}

/**
 * Reads the catalog of a tenant database, in one round trip. The project's own role is written `:tenant_role`, so that
 * the descriptions of two projects can be compared. Data is not looked at.
 */
export async function schemaDescription(connection: Connection, tenantRole?: string): Promise<SchemaDescription> {
  const rows = await connection.query<{ line: string }>(describeCatalog(tenantRole ?? null));
  const lines = rows.map(({ line }) => line);
  return { lines, fingerprint: createHash('sha256').update(lines.join('\n')).digest('hex') };
}

/**
 * How a database without a role of its own, such as a template, would be described once a project had it: with the grants
 * of its schema. That is what a project's database of the same schema is expected to be. Nothing of it stays. The
 * connection must be able to make roles.
 */
export async function describeWithGrants(connection: Connection): Promise<SchemaDescription> {
  const version = await schemaVersion(connection);
  const role = `described_${randomBytes(8).toString('hex')}`;
  return connection.transaction(async (transaction) => {
    await transaction.query(markUndo);
    await transaction.query(sql`CREATE ROLE ${identifier(role)}`);
    for (const text of tenantGrantStatements(`"${role}"`, version)) {
      await transaction.query(compiledSql({ text, values: [] }));
    }
    const description = await schemaDescription(transaction, role);
    await transaction.query(undo);
    return description;
  });
}
