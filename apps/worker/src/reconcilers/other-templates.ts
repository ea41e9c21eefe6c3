import type { Cluster, TenantDatabaseRepository } from '#control-database';
import type { Logger } from '#platform';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import type { FleetSchema } from '../tenant-databases/fleet-schema.js';
import type { Reconciler } from './reconciler.js';

const everyMs = 600_000;

/** Drops templates of schemas that no new database gets any more: each is as large as an empty tenant database. */
export function otherTemplates(dependencies: {
  tenantDatabases: TenantDatabaseRepository;
  preparation: ClusterPreparation;
  schema: FleetSchema;
  logger: Logger;
}): Reconciler {
  const { tenantDatabases, preparation, schema, logger } = dependencies;
  return {
    name: 'other-templates',
    everyMs,
    run: async () => {
      const target = await schema.findTarget();
      if (target === undefined) return;
      const building = await tenantDatabases.listByState('building');
      const dropAt = async (cluster: Cluster) => {
        const planned = building.filter(({ clusterId }) => clusterId === cluster.id);
        const needed = [target, ...planned.map(({ schemaVersion }) => schemaVersion)];
        const dropped = await preparation.dropOtherTemplates(cluster, needed);
        if (dropped.length > 0)
          logger.info({ cluster: cluster.id, dropped }, 'templates of other schemas were dropped');
      };
      const failures: unknown[] = [];
      for (const cluster of await preparation.list()) {
        await dropAt(cluster).catch((error: unknown) => failures.push(error));
      }
      if (failures.length > 0) throw new AggregateError(failures, 'Templates could not be dropped on every cluster.');
    },
  };
}
