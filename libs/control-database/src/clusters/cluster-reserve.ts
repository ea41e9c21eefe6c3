import type { Cluster } from './cluster.entity.js';

/**
 * What a worker may have open on one cluster beside the databases that a rollout migrates: as administrator, to spare
 * databases, and for backfills.
 */
export const workerConnections = { administration: 12, spares: 5, backfills: 1 } as const;

const beside = workerConnections.administration + workerConnections.spares + workerConnections.backfills;

/**
 * How many databases of the cluster a rollout may migrate at the same time, each over a connection of its own: so many as
 * a worker's other work leaves of the connections that data planes do not take. One at least, or nothing would ever be
 * migrated there.
 */
export function rolloutRoom({ reservedConnections }: Pick<Cluster, 'reservedConnections'>): number {
  return Math.max(1, reservedConnections - beside);
}
