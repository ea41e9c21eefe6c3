import type { Cluster, TenantDatabase, TenantDatabaseRepository } from '#control-database';
import type { Logger } from '#platform';
import { tryWithLock } from '../clusters/advisory-lock.js';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import type { Quiet } from '../lifecycle/quiet.js';
import type { FleetSchema } from './fleet-schema.js';
import type { SpareConnections } from './spare-connections.js';
import type { TenantDatabaseBuilder } from './tenant-database-builder.js';
import type { TenantDatabaseRemover } from './tenant-database-remover.js';

/** For how long the worker must have rested, and how long that is waited for at most. */
interface Rest {
  readonly restMs: number;
  readonly atMostMs: number;
}

/** After a project is made its first requests come, so a stock that is not low is made good when the worker rests. */
const unhurried: Rest = { restMs: 300, atMostMs: 5_000 };

/** Whoever makes a project without a spare waits for a build of their own: it is no use to go on giving way to them. */
const hurried: Rest = { restMs: 0, atMostMs: 500 };

/**
 * Keeps complete spare databases on every active cluster. What is missing is first written down, under a lock, so that
 * several workers do not all make up for the same gap; then whatever is written down is built, by any worker. So what a
 * dead worker left half-built is finished in the same way. Spares of another schema than new projects are to have are
 * nobody's any more: they are removed when those that replace them are there.
 */
export class SpareStock {
  constructor(
    private readonly dependencies: {
      tenantDatabases: TenantDatabaseRepository;
      preparation: ClusterPreparation;
      builder: TenantDatabaseBuilder;
      admins: ClusterAdmins;
      connections: SpareConnections;
      remover: TenantDatabaseRemover;
      schema: FleetSchema;
      logger: Logger;
      /** Building takes the processors that running operations need. */
      quiet: Quiet;
      /** Instead of each cluster's own number. */
      sparesPerCluster?: number;
    },
  ) {}

  /**
   * Makes up for what is missing on every active cluster. One that fails does not keep the others from it. Does nothing
   * when this release is too old for what spares are to be (see FleetSchema).
   */
  async reconcile(): Promise<void> {
    const schemaVersion = await this.dependencies.schema.findTarget();
    if (schemaVersion === undefined) return;
    const clusters = await this.dependencies.preparation.list();
    await this.dependencies.connections.keepOnly(await this.spareIds());
    const failures: unknown[] = [];
    for (const cluster of clusters.filter(({ state }) => state === 'active')) {
      await this.reconcileCluster(cluster, schemaVersion).catch((error: unknown) => failures.push(error));
    }
    if (failures.length > 0) throw new AggregateError(failures, 'Spare databases could not be made on every cluster.');
  }

  private async reconcileCluster(cluster: Cluster, schemaVersion: number): Promise<void> {
    await this.dependencies.preparation.ready(cluster, schemaVersion);
    const spares = (await this.listStock(cluster, schemaVersion)).filter(({ state }) => state === 'spare').length;
    const rest = spares < this.targetOf(cluster) / 2 ? hurried : unhurried;
    await this.giveWay(rest);
    await this.planMissing(cluster, schemaVersion);
    const building = (await this.listStock(cluster, schemaVersion)).filter(({ state }) => state === 'building');
    await Promise.all(building.map((row) => this.finish(cluster, row, rest)));
    for (const row of await this.listUnowned(cluster)) {
      if (row.state === 'trash' || row.schemaVersion !== schemaVersion) await this.replace(cluster, row);
    }
  }

  private async planMissing(cluster: Cluster, schemaVersion: number): Promise<void> {
    await this.dependencies.admins.use(cluster, (admin) =>
      tryWithLock(admin, `stock of ${cluster.id}`, async () => {
        const { length } = await this.listStock(cluster, schemaVersion);
        for (let count = length; count < this.targetOf(cluster); count++) {
          await this.dependencies.builder.plan(cluster, schemaVersion);
        }
      }),
    );
  }

  private async finish(cluster: Cluster, row: TenantDatabase, rest: Rest): Promise<void> {
    await this.giveWay(rest);
    if (!(await this.dependencies.builder.buildSpare(cluster, row))) return;
    this.dependencies.logger.debug({ cluster: cluster.id, tenantDatabase: row.id }, 'spare database ready');
  }

  /** Also what a worker has retired that died before it could remove it. */
  private async replace(cluster: Cluster, row: TenantDatabase): Promise<void> {
    const { builder, remover, logger } = this.dependencies;
    await this.giveWay(unhurried);
    if (row.state !== 'trash' && !(await builder.retire(cluster, row))) return;
    await remover.remove(row);
    logger.debug({ cluster: cluster.id, tenantDatabase: row.id }, 'spare database of another schema removed');
  }

  private giveWay({ restMs, atMostMs }: Rest): Promise<void> {
    return this.dependencies.quiet.whenQuiet(restMs, atMostMs);
  }

  /** Those being built as well: their connection is opened a moment before they are marked as spare. */
  private async spareIds(): Promise<Set<string>> {
    const rows = await this.dependencies.tenantDatabases.listByState('building', 'spare');
    return new Set(rows.map(({ id }) => id));
  }

  private targetOf({ spareTarget }: Cluster): number {
    return this.dependencies.sparesPerCluster ?? spareTarget;
  }

  /** Those that a new project may get, now or when they are built. */
  private async listStock(cluster: Cluster, schemaVersion: number): Promise<TenantDatabase[]> {
    const rows = await this.listUnowned(cluster);
    return rows.filter((row) => row.schemaVersion === schemaVersion && row.state !== 'trash');
  }

  /** Those that belong to no project; a project's own is its operation's business. */
  private async listUnowned(cluster: Cluster): Promise<TenantDatabase[]> {
    const rows = await this.dependencies.tenantDatabases.listByState('building', 'spare', 'trash');
    return rows.filter(({ clusterId, projectId }) => clusterId === cluster.id && projectId === null);
  }
}
