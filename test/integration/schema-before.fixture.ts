import { expect, test } from '@jest/globals';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';

/**
 * Loads a file of tests so that the databases which they make have the schema of the release before; the newest when it is
 * the only one. `npm run migration:check -- --tests` does so with every file; some are in each run, to keep the way open.
 */
export async function onSchemaBefore(load: () => Promise<unknown>): Promise<void> {
  const version = Math.max(1, TENANT_SCHEMA_VERSION - 1);
  // Jest gives every file an environment of its own, and the fixture below reads it when it is loaded.
  process.env['BOXYARD_TENANT_SCHEMA'] = String(version);
  await load();
  test('the databases have the schema before', async () => {
    const { testSchemaVersion } = await import('./tenant-schema.fixture.js');
    expect(testSchemaVersion).toBe(version);
  });
}
