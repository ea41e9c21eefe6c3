import { Gauge } from 'prom-client';
import type { Cluster, TenantDatabase, TenantDatabaseRepository } from '#control-database';
import { type Logger, metrics } from '#platform';
import { sql } from '#postgres';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import { expectedCopy, isCopyLeft } from '../fleet/expected-schemas.js';
import { ownerFromComment } from '../tenant-databases/names.js';
import type { Reconciler } from './reconciler.js';

const everyMs = 3_600_000;

const orphanCount = new Gauge({
  name: 'boxyard_orphans',
  help: 'Databases and roles on the clusters that carry our mark and that no row accounts for, and the reverse.',
  labelNames: ['what'],
  registers: [metrics],
});

/** Something on a cluster that a row accounts for, or should. */
export interface MarkedObject {
  what: 'database' | 'role';
  name: string;
  /** The id of the tenant database row that its mark names; null for one that never has a row. */
  tenantDatabaseId: string | null;
}

export interface Orphans {
  /** On the cluster, without a row that says so. */
  unaccounted: MarkedObject[];
  /** Rows of databases in use or in stock that are not on the cluster. */
  missing: { tenantDatabaseId: string; databaseName: string }[];
}

/**
 * Compares what a cluster has with what the rows said before it was looked at and after. A database is recorded before
 * it is made and until after it is gone, so what no row accounts for afterwards is an orphan, and what should have been
 * there all the time and is not, is missing. Pure.
 */
export function findOrphans(
  before: readonly TenantDatabase[],
  objects: readonly MarkedObject[],
  after: readonly TenantDatabase[],
): Orphans {
  const accounted = new Set(after.filter(({ state }) => state !== 'dropped').map(({ id }) => id));
  const complete = new Set(after.filter(isComplete).map(({ id }) => id));
  const databases = new Set(objects.filter(({ what }) => what === 'database').map(({ name }) => name));
  return {
    unaccounted: objects.filter(
      ({ tenantDatabaseId }) => tenantDatabaseId === null || !accounted.has(tenantDatabaseId),
    ),
    missing: before
      .filter((row) => isComplete(row) && complete.has(row.id) && !databases.has(row.databaseName))
      .map(({ id, databaseName }) => ({ tenantDatabaseId: id, databaseName })),
  };
}

function isComplete({ state }: TenantDatabase): boolean {
  return state === 'spare' || state === 'claimed';
}

/** Reports orphans in the log and as a metric. It never drops one: a row may have been lost, and the data is not ours. */
export function orphans(dependencies: {
  tenantDatabases: TenantDatabaseRepository;
  preparation: ClusterPreparation;
  admins: ClusterAdmins;
  logger: Logger;
}): Reconciler {
  const { tenantDatabases, preparation, admins, logger } = dependencies;
  return {
    name: 'orphans',
    everyMs,
    run: async () => {
      const found: Orphans = { unaccounted: [], missing: [] };
      const failures: unknown[] = [];
      const lookAt = async (cluster: Cluster) => {
        const rows = async () =>
          (await tenantDatabases.listByState('building', 'spare', 'claimed', 'trash')).filter(
            ({ clusterId }) => clusterId === cluster.id,
          );
        const before = await rows();
        const { unaccounted, missing } = findOrphans(before, await markedObjects(admins, cluster), await rows());
        found.unaccounted.push(...unaccounted);
        found.missing.push(...missing);
      };
      for (const cluster of await preparation.list()) {
        await lookAt(cluster).catch((error: unknown) => failures.push(error));
      }
      for (const orphan of found.unaccounted) logger.warn({ orphan }, 'orphan on a cluster: no row accounts for it');
      for (const missing of found.missing)
        logger.error({ missing }, 'a recorded tenant database is not on its cluster');
      orphanCount.set({ what: 'unaccounted' }, found.unaccounted.length);
      orphanCount.set({ what: 'missing' }, found.missing.length);
      if (failures.length > 0) throw new AggregateError(failures, 'Not every cluster could be searched for orphans.');
    },
  };
}

/** Every database and role that carries the mark of this cluster registration, and what a drift check has left. */
async function markedObjects(admins: ClusterAdmins, cluster: Cluster): Promise<MarkedObject[]> {
  return admins.use(cluster, async (admin) => {
    const objects = await admin.query<{ what: 'database' | 'role'; name: string; comment: string | null }>(sql`
      SELECT 'database' AS what, datname AS name, shobj_description(oid, 'pg_database') AS comment FROM pg_database
      UNION ALL
      SELECT 'role', rolname, shobj_description(oid, 'pg_authid') FROM pg_roles`);
    const marked = objects.flatMap(({ what, name, comment }): MarkedObject[] => {
      const tenantDatabaseId = ownerFromComment(cluster.id, comment);
      return tenantDatabaseId === undefined ? [] : [{ what, name, tenantDatabaseId }];
    });
    if (await isCopyLeft(admin)) marked.push({ what: 'database', name: expectedCopy, tenantDatabaseId: null });
    return marked;
  });
}
