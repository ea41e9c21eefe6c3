import { randomBytes } from 'node:crypto';
import type { Cluster } from '#control-database';
import { compiledSql, dropDatabase, identifier, revokePublicConnect, sql } from '#postgres';
import { describeWithGrants, type SchemaDescription } from '#tenant-schema';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { ensureTemplate } from '../clusters/template-database.js';
import type { FleetSchema } from '../tenant-databases/fleet-schema.js';

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
    const copy = `boxyard_expected_${version}_${randomBytes(6).toString('hex')}`;
    const template = this.schema.templateName(version);
    try {
      await this.admins.use(cluster, async (admin) => {
        await admin.query(sql`CREATE DATABASE ${identifier(copy)} TEMPLATE ${identifier(template)} STRATEGY WAL_LOG`);
        await admin.query(
          compiledSql({ text: `COMMENT ON DATABASE "${copy}" IS 'boxyard: to be dropped'`, values: [] }),
        );
        await revokePublicConnect(admin, copy);
      });
      return await this.admins.inDatabase(cluster, copy, describeWithGrants);
    } finally {
      await this.admins.use(cluster, (admin) => dropDatabase(admin, copy));
    }
  }
}
