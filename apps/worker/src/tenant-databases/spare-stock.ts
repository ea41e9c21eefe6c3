import type { Cluster, TenantDatabase, TenantDatabaseRepository } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import type { Logger } from '#platform';
import { tryWithLock } from '../clusters/advisory-lock.js';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import type { Quiet } from '../lifecycle/quiet.js';
import type { SpareConnections } from './spare-connections.js';
import type { TenantDatabaseBuilder } from './tenant-database-builder.js';

/**
 * After a project is made its first requests come, so a stock that is not low is made good when the worker has rested
 * for this long.
 */
const restMs = 300;

/**
 * Keeps complete spare databases on every active cluster. What is missing is first written down, under a lock, so that
 * several workers do not all make up for the same gap; then whatever is written down is built, by any worker. So what a
 * dead worker left half-built is finished in the same way.
 */
export class SpareStock {
  constructor(
    private readonly dependencies: {
      tenantDatabases: TenantDatabaseRepository;
      preparation: ClusterPreparation;
      builder: TenantDatabaseBuilder;
      admins: ClusterAdmins;
      connections: SpareConnections;
      logger: Logger;
      /** Building takes the processors that running operations need. */
      quiet: Quiet;
      /** Instead of each cluster's own number. */
      sparesPerCluster?: number;
    },
  ) {}

  /** Makes up for what is missing on every active cluster. One that fails does not keep the others from it. */
  async reconcile(): Promise<void> {
    const clusters = await this.dependencies.preparation.list();
    await this.dependencies.connections.keepOnly(await this.spareIds());
    const failures: unknown[] = [];
    for (const cluster of clusters.filter(({ state }) => state === 'active')) {
      await this.reconcileCluster(cluster).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Spare databases could not be made on every cluster.');
  }

  private async reconcileCluster(cluster: Cluster): Promise<void> {
    await this.dependencies.preparation.ready(cluster);
    const spares = (await this.listUnowned(cluster)).filter(({ state }) => state === 'spare').length;
    const pauseMs = spares < this.targetOf(cluster) / 2 ? 0 : restMs;
    await this.dependencies.quiet.whenQuiet(pauseMs);
    await this.planMissing(cluster);
    const building = (await this.listUnowned(cluster)).filter(({ state }) => state === 'building');
    await Promise.all(building.map((row) => this.finish(cluster, row, pauseMs)));
  }

  private async planMissing(cluster: Cluster): Promise<void> {
    await this.dependencies.admins.use(cluster, (admin) =>
      tryWithLock(admin, `stock of ${cluster.id}`, async () => {
        const { length } = await this.listUnowned(cluster);
        for (let count = length; count < this.targetOf(cluster); count++) {
          await this.dependencies.builder.plan(cluster);
        }
      }),
    );
  }

  private async finish(cluster: Cluster, row: TenantDatabase, pauseMs: number): Promise<void> {
    await this.dependencies.quiet.whenQuiet(pauseMs);
    const built = await this.dependencies.builder.build(cluster, row, 'stock');
    if (!built) return;
    await this.dependencies.tenantDatabases.markSpare(row.id);
    this.dependencies.logger.debug({ cluster: cluster.id, tenantDatabase: row.id }, 'spare database ready');
  }

  /** Those being built as well: their connection is opened a moment before they are marked as spare. */
  private async spareIds(): Promise<Set<string>> {
    const rows = await this.dependencies.tenantDatabases.listByState('building', 'spare');
    return new Set(rows.map(({ id }) => id));
  }

  private targetOf({ spareTarget }: Cluster): number {
    return this.dependencies.sparesPerCluster ?? spareTarget;
  }

  /** Those of this release that belong to no project; a project's own is its operation's business. */
  private async listUnowned(cluster: Cluster): Promise<TenantDatabase[]> {
    const rows = await this.dependencies.tenantDatabases.listByState('building', 'spare');
    return rows.filter(
      ({ clusterId, projectId, schemaVersion }) =>
        clusterId === cluster.id && projectId === null && schemaVersion === TENANT_SCHEMA_VERSION,
    );
  }
}
