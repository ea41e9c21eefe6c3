import type { Cluster } from '#control-database';
import { DomainError } from '#platform';
import { type Connection, ConnectionBroker, connectOnce } from '#postgres';

/** Where administration happens that belongs to no database in particular. */
export const maintenanceDatabase = 'postgres';

/** Enough for four builds, a drop and what is short; an administrator's connection is one that no tenant can have. */
const connectionsPerCluster = 12;

/** Work that waits longer than this for a connection fails and is tried again with its operation. */
const queueDeadlineMs = 60_000;

/**
 * Administrator connections to the clusters. The worker alone has them. Connections to the maintenance database are kept
 * and lent; those into a tenant database are opened for one use, because an idle one would be in the way of a drop.
 */
export class ClusterAdmins {
  private readonly broker = new ConnectionBroker({
    maxConnections: connectionsPerCluster,
    perTenant: connectionsPerCluster,
    queueDeadlineMs,
  });

  constructor(private readonly databaseUrl: string) {}

  /** Lends a connection to the cluster's maintenance database. Uses must not be nested in one another. */
  use<T>(cluster: Cluster, work: (admin: Connection) => Promise<T>): Promise<T> {
    const url = this.urlOf(cluster, maintenanceDatabase);
    const login = loginOf(url);
    return this.broker.use(
      { key: `admin:${cluster.id}`, clusterId: cluster.id, database: maintenanceDatabase, ...login },
      work,
    );
  }

  /** Opens a connection into one of the cluster's databases for the time of `work`. */
  async inDatabase<T>(cluster: Cluster, database: string, work: (admin: Connection) => Promise<T>): Promise<T> {
    const connection = await connectOnce(this.urlOf(cluster, database).href);
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }

  /** The administrator's URL of a database of the cluster. Holds a password: not for logs. */
  urlOf(cluster: Cluster, database: string): URL {
    if (cluster.adminSecret !== null) {
      throw new DomainError(
        'unprocessable',
        'cluster-login-unsupported',
        `Cluster ${cluster.name} has an administrator login of its own, which this release cannot use.`,
      );
    }
    const url = new URL(this.databaseUrl);
    url.pathname = `/${encodeURIComponent(database)}`;
    return url;
  }

  close(): Promise<void> {
    return this.broker.close();
  }
}

/** The parts of a PostgreSQL URL, with libpq's defaults for what it leaves out. */
export function loginOf(url: URL): { host: string; port: number; user: string; password: string } {
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username) || 'postgres',
    password: decodeURIComponent(url.password),
  };
}
