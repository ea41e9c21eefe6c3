import type { Cluster } from '#control-database';
import { type Connection, databaseExists, dropDatabase, ensureDatabase, revokePublicConnect } from '#postgres';
import { describeWithGrants, type SchemaDescription } from '#tenant-schema';
import { tryWithLock, withLock } from '../clusters/advisory-lock.js';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { ensureTemplate } from '../clusters/template-database.js';
import type { FleetSchema } from '../tenant-databases/fleet-schema.js';

/** The copy of a template that is looked at. One name, so that the next look clears away what a dead worker has left. */
export const expectedCopy = 'boxyard_expected';

/** Whether such a copy is on the cluster though nobody looks at it: its worker has died. */
export async function isCopyLeft(admin: Connection): Promise<boolean> {
  return (await tryWithLock(admin, expectedCopy, () => databaseExists(admin, expectedCopy))) ?? false;
}

/**
 * What a tenant database of each schema is expected to look like: read from a copy of that schema's template, which is
 * made for the purpose and dropped at once. Each is made once per process, on the cluster that is asked for first.
 */
export class ExpectedSchemas {
  private readonly known = new Map<string, Promise<SchemaDescription>>();

  constructor(
    private readonly admins: ClusterAdmins,
    private readonly schema: FleetSchema,
  ) {}

  /** Rejects when this release does not know the schema, or the cluster does not answer; the next call tries again. */
  async get(cluster: Cluster, version: number): Promise<SchemaDescription> {
    if (version < 1 || version > this.schema.steps.length) {
      throw new Error(`This release does not know tenant schema ${version}.`);
    }
    const name = this.schema.templateName(version);
    let description = this.known.get(name);
    if (description === undefined) {
      description = this.describe(cluster, version);
      this.known.set(name, description);
      description.catch(() => this.known.delete(name));
    }
    return description;
  }

  private async describe(cluster: Cluster, version: number): Promise<SchemaDescription> {
    await ensureTemplate(this.admins, cluster, this.schema, version);
    const template = this.schema.templateName(version);
    return this.admins.use(cluster, (admin) =>
      withLock(admin, expectedCopy, async () => {
        await dropDatabase(admin, expectedCopy);
        try {
          await ensureDatabase(admin, expectedCopy, { template, comment: 'boxyard: to be dropped' });
          await revokePublicConnect(admin, expectedCopy);
          return await this.admins.inDatabase(cluster, expectedCopy, describeWithGrants);
        } finally {
          await dropDatabase(admin, expectedCopy);
        }
      }),
    );
  }
}
