import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { testSchemaVersion } from './tenant-schema.fixture.js';

/**
 * Loads a file of tests so that the databases which they make have the schema of the release before; the newest when it is
 * the only one. `npm run migration:check -- --tests` does so with every file; some are in each run, to keep the way open.
 */
export async function onSchemaBefore(load: () => Promise<unknown>): Promise<void> {
  const version = Math.max(1, TENANT_SCHEMA_VERSION - 1);
  const asked = process.env['BOXYARD_TENANT_SCHEMA'];
  beforeAll(() => void (process.env['BOXYARD_TENANT_SCHEMA'] = String(version)));
  await load();
  test('the databases have the schema before', () => {
    expect(testSchemaVersion()).toBe(version);
  });
  afterAll(() => {
    if (asked === undefined) delete process.env['BOXYARD_TENANT_SCHEMA'];
    else process.env['BOXYARD_TENANT_SCHEMA'] = asked;
  });
}
