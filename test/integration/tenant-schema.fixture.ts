/** Tenant databases that tests make, with the schema of a release, as the worker makes them. */
import { TENANT_SCHEMA_VERSION, tenantGrantStatements } from '#migrations/tenant';
import { compiledSql, connectOnce } from '#postgres';
import { aDatabase, type TestDatabase } from '#testing';
import { tenantTemplate } from './tenant-template.fixture.js';

/** The newest, or the one that BOXYARD_TENANT_SCHEMA says: so the same tests are run on the schema before it. */
export const testSchemaVersion = (): number => Number(process.env['BOXYARD_TENANT_SCHEMA'] ?? TENANT_SCHEMA_VERSION);

/** A tenant database, and the role that works with it as a project's own role does. */
export async function aTenantDatabase(
  { role, password }: { readonly role: string; readonly password: string },
  version = testSchemaVersion(),
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
