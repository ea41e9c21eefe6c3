/** The schema of tenant databases that tests make, as the worker's templates have it. */
import { TENANT_SCHEMA_VERSION, tenantGrantStatements, tenantMigrations } from '#migrations/tenant';
import { compiledSql, connectOnce } from '#postgres';
import { migrateSchema, schemaSteps } from '#tenant-schema';
import { aDatabase, templateOnce, type TestDatabase } from '#testing';

/** The newest, or the one that BOXYARD_TENANT_SCHEMA says: so the same tests are run on the schema before it. */
export const testSchemaVersion = Number(process.env['BOXYARD_TENANT_SCHEMA'] ?? TENANT_SCHEMA_VERSION);

const steps = schemaSteps(tenantMigrations);

/** A template with the schema of that version and nothing else. */
export function tenantTemplate(version = testSchemaVersion, server?: string): Promise<string> {
  const fill = async (databaseUrl: string): Promise<void> => {
    const owner = await connectOnce(databaseUrl);
    try {
      const options = { steps: await steps, target: version, expected: 0 };
      await migrateSchema(owner, { ...options, fence: '0', by: 'test', lockTimeoutMs: 10_000 });
    } finally {
      await owner.close();
    }
  };
  return templateOnce(`tenant_template_${version}`, fill, server);
}

/** A tenant database, and the role that works with it as a project's own role does. */
export async function aTenantDatabase(
  { role, password }: { readonly role: string; readonly password: string },
  version = testSchemaVersion,
): Promise<TestDatabase> {
  const database = await aDatabase(await tenantTemplate(version));
  const owner = await connectOnce(database.url);
  try {
    const run = (text: string) => owner.query(compiledSql({ text, values: [] }));
    await run(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
    await Promise.all(tenantGrantStatements(`"${role}"`, version).map(run));
  } finally {
    await owner.close();
  }
  return database;
}
