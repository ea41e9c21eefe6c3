import type { DataSource } from 'typeorm';
import { DomainError, newId } from '#platform';
import { runStatement, withManager } from '../connection/statements.js';
import type { ClusterId } from '../ids.js';
import { Cluster, type SslMode } from './cluster.entity.js';

export interface NewCluster {
  name: string;
  host: string;
  port: number;
  adminSecret?: Buffer;
  maxProjects: number;
  maxConnections: number;
  reservedConnections: number;
  /** `disable` unless it says otherwise. */
  sslMode?: SslMode;
  sslCa?: string | null;
}

/** A cluster and how many projects have or are getting their database there. */
export interface ClusterLoad extends Cluster {
  projects: number;
}

/** The PostgreSQL servers that hold tenant databases. */
export class ClusterRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The cluster of this name, made when there is none; safe to call in several processes at once. Host and port follow
   * what is given, because the embedded server may listen on another port at each start.
   */
  async ensure(cluster: NewCluster): Promise<Cluster> {
    const { name, host, port, adminSecret, maxProjects, maxConnections, reservedConnections } = cluster;
    const { sslMode = 'disable', sslCa = null } = cluster;
    const [row] = await runStatement<Cluster>(
      this.dataSource,
      undefined,
      `INSERT INTO cluster (id, name, host, port, admin_secret, max_projects, max_connections, reserved_connections,
                            ssl_mode, ssl_ca)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
       ON CONFLICT (name) DO UPDATE SET host = EXCLUDED.host, port = EXCLUDED.port,
         max_connections = EXCLUDED.max_connections, reserved_connections = EXCLUDED.reserved_connections
       RETURNING *`,
      [
        newId('cl'),
        name,
        host,
        port,
        adminSecret ?? null,
        maxProjects,
        maxConnections,
        reservedConnections,
        sslMode,
        sslCa,
      ],
    );
    return row!;
  }

  /** The cluster, or a `not-found` error. */
  async get(id: ClusterId): Promise<Cluster> {
    const cluster = await withManager(this.dataSource, undefined, (manager) => manager.findOneBy(Cluster, { id }));
    if (cluster === null) throw new DomainError('not-found', 'cluster-not-found', `There is no cluster ${id}.`);
    return cluster;
  }

  /** Every cluster with its load, by id. */
  list(): Promise<ClusterLoad[]> {
    return runStatement<ClusterLoad>(
      this.dataSource,
      undefined,
      `SELECT c.*, (SELECT count(*)::int FROM tenant_database t
                     WHERE t.cluster_id = c.id AND t.project_id IS NOT NULL AND t.state IN ('building', 'claimed')
                   ) AS projects
         FROM cluster c ORDER BY c.id`,
    );
  }

  /** Records the schema version of the template from which the cluster's spares are made. */
  async setTemplateVersion(id: ClusterId, templateVersion: number): Promise<void> {
    await withManager(this.dataSource, undefined, (manager) => manager.update(Cluster, { id }, { templateVersion }));
  }
}
