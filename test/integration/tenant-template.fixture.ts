/** What tenant databases of tests are copied from, as those of projects are from the worker's templates. */
import { tenantMigrations } from '#migrations/tenant';
import { connectOnce } from '#postgres';
import { migrateSchema, schemaSteps } from '#tenant-schema';
import { templateOnce } from '#testing';

const steps = schemaSteps(tenantMigrations);

/** A template with the schema of that version and nothing else, on the server of the run or another one. */
export function tenantTemplate(version: number, server?: string): Promise<string> {
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
