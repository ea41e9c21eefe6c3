/** The schema of tenant databases that tests make, as the worker's templates have it. */
import { TENANT_SCHEMA_VERSION, tenantGrantStatements, tenantMigrations } from '#migrations/tenant';
import { compiledSql, connectOnce } from '#postgres';
import { migrateSchema, schemaSteps } from '#tenant-schema';

/** The newest, or the one that BOXYARD_TENANT_SCHEMA says: so the same tests are run on the schema before it. */
export const testSchemaVersion = Number(process.env['BOXYARD_TENANT_SCHEMA'] ?? TENANT_SCHEMA_VERSION);

const steps = schemaSteps(tenantMigrations);

/** Migrates an empty database, and makes the role that works with it as a project's own role does. */
export async function migrateTenant(
  databaseUrl: string,
  { role, password }: { readonly role: string; readonly password: string },
  version = testSchemaVersion,
): Promise<void> {
  const owner = await connectOnce(databaseUrl);
  try {
    const run = (text: string) => owner.query(compiledSql({ text, values: [] }));
    await migrateSchema(owner, {
      steps: await steps,
      target: version,
      expected: 0,
      fence: '0',
      by: 'test',
      lockTimeoutMs: 10_000,
    });
    await run(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    await Promise.all(tenantGrantStatements(`"${role}"`, version).map(run));
  } finally {
    await owner.close();
  }
}
