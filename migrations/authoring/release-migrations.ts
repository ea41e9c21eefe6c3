import { tenantMigrations } from '#migrations/tenant';
import { schemaSteps } from '#tenant-schema';
import { severalAtOnce } from './judge-sources.js';
import { describeEachSchema } from './new-schema.js';
import { Refusal } from './refusal.js';
import { readReleased, writeReleased } from './released.js';
import { withScratchServer } from './scratch-server.js';

/**
 * Keeps what the migrations are with which a release goes out: from then on they cannot be edited. Gives what was kept.
 * Throws a Refusal when nothing is new, or more than one release may bring.
 */
export async function releaseMigrations(): Promise<string> {
  const released = readReleased();
  const steps = await schemaSteps(tenantMigrations);
  const fresh = steps.filter(({ version }) => version > released.length);
  const [tooMany] = severalAtOnce(steps, released);
  if (tooMany !== undefined) throw new Refusal(tooMany);
  if (fresh.length === 0) throw new Refusal('Every migration of tenant databases has been released already.');
  const schemas = await withScratchServer(async (server) => describeEachSchema(await server.database(), steps));
  for (const { version, name, checksum } of fresh) {
    writeReleased({ version, name, checksum, schema: schemas[version - 1]?.lines ?? [] });
  }
  const names = fresh.map(({ version, name }) => `${version} (${name})`).join(', ');
  return `Released from now on: ${names}. Commit migrations/tenant/released.`;
}
