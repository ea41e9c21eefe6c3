import type { Connection } from '#postgres';
import {
  describeWithGrants,
  migrateSchema,
  type SchemaChange,
  type SchemaDescription,
  type SchemaStep,
} from '#tenant-schema';

/** Brings a scratch database to a schema, as a rollout would. */
export function migrateTo(
  target: number,
  connection: Connection,
  steps: readonly SchemaStep[],
  tenantRole?: string,
): Promise<SchemaChange> {
  const role = tenantRole === undefined ? {} : { tenantRole };
  return migrateSchema(connection, { steps, target, fence: '1', by: 'migration:check', lockTimeoutMs: 2_000, ...role });
}

/** What a new project's database looks like after each step, oldest first; the database must be empty. */
export async function describeEachSchema(
  connection: Connection,
  steps: readonly SchemaStep[],
): Promise<SchemaDescription[]> {
  const descriptions: SchemaDescription[] = [];
  for (const { version } of steps) {
    await migrateTo(version, connection, steps);
    descriptions.push(await describeWithGrants(connection));
  }
  return descriptions;
}
