import type { DataSource } from 'typeorm';
import { DomainError, newId } from '#platform';
import { isUniqueViolation } from '#postgres';
import { runStatement, withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ClusterId } from '../ids.js';
import { Cluster, type SslMode } from './cluster.entity.js';
import type { SealedLogin } from './cluster-login.js';

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

/** A cluster that an operator registers, with the login of its administrator. */
export interface RegisteredCluster extends Required<NewCluster> {
  id: ClusterId;
  region: string | null;
  dataKey: SealedLogin['dataKey'];
}

/** A cluster and how many projects have or are getting their database there. */
export interface ClusterLoad extends Cluster {
  projects: number;
}

/** The PostgreSQL servers that hold tenant databases. */
export class ClusterRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The cluster of this name, made when there is none; safe to call in several processes at once. Where it is and how it
   * is reached follow what is given, because the embedded server may listen on another port at each start; its limits stay
   * as they are.
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
         ssl_mode = EXCLUDED.ssl_mode, ssl_ca = EXCLUDED.ssl_ca
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

  /**
   * Writes down a cluster that a worker is to check, in state `registering`, with the data key of its login. A name or an
   * address that another cluster has is refused (`cluster-name-taken`, `cluster-address-taken`).
   */
  async register(cluster: RegisteredCluster, transaction: Transaction): Promise<Cluster> {
    const { id, name, host, port, region, sslMode, sslCa, adminSecret, dataKey } = cluster;
    const { maxProjects, maxConnections, reservedConnections } = cluster;
    try {
      const [row] = await runStatement<Cluster>(this.dataSource, transaction, registerStatement, [
        ...[id, name, host, port, region, sslMode, sslCa, adminSecret, dataKey.id, dataKey.wrapped],
        ...[maxProjects, maxConnections, reservedConnections],
      ]);
      if (row !== undefined) return row;
    } catch (error) {
      if (!isUniqueViolation(error, 'cluster_name_key')) throw error;
      throw new DomainError('conflict', 'cluster-name-taken', `There is a cluster ${name} already.`);
    }
    throw new DomainError('conflict', 'cluster-address-taken', `There is a cluster at ${host}:${port} already.`);
  }

  /** A worker has found the cluster fit: from now on it gets projects. */
  async activate(id: ClusterId, transaction: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `UPDATE cluster SET state = 'active' WHERE id = $1 AND state = 'registering'`,
      [id],
    );
  }

  /** A worker has not found it fit: nothing is left of it, nor of its login. */
  async discard(id: ClusterId, transaction: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `WITH gone AS (DELETE FROM cluster WHERE id = $1 AND state = 'registering' RETURNING data_key_id)
       DELETE FROM data_key k USING gone WHERE k.id = gone.data_key_id`,
      [id],
    );
  }

  /** The cluster, or a `not-found` error. */
  async get(id: ClusterId): Promise<Cluster> {
    const cluster = await withManager(this.dataSource, undefined, (manager) => manager.findOneBy(Cluster, { id }));
    if (cluster === null) throw new DomainError('not-found', 'cluster-not-found', `There is no cluster ${id}.`);
    return cluster;
  }

  /** The cluster with this id or name, with its load. */
  async find(idOrName: string): Promise<ClusterLoad | undefined> {
    const where = 'WHERE c.id = $1 OR c.name = $1';
    return (await runStatement<ClusterLoad>(this.dataSource, undefined, `${selectLoads} ${where}`, [idOrName]))[0];
  }

  /** Every cluster with its load, by id; also those that are still to be checked. */
  list(): Promise<ClusterLoad[]> {
    return runStatement<ClusterLoad>(this.dataSource, undefined, `${selectLoads} ORDER BY c.id`);
  }

  /** Records the schema version of the template from which the cluster's spares are made. */
  async setTemplateVersion(id: ClusterId, templateVersion: number): Promise<void> {
    await withManager(this.dataSource, undefined, (manager) => manager.update(Cluster, { id }, { templateVersion }));
  }
}

const selectLoads = `
SELECT c.id, c.name, c.host, c.port, c.admin_secret, c.data_key_id, c.state, c.max_projects, c.max_connections,
       c.reserved_connections, c.template_version, c.spare_target, c.region, c.ssl_mode, c.ssl_ca, c.created_at,
       (SELECT count(*)::int FROM tenant_database t
         WHERE t.cluster_id = c.id AND t.project_id IS NOT NULL AND t.state IN ('building', 'claimed')
       ) AS projects
  FROM cluster c`;

const registerStatement = `
WITH key AS (INSERT INTO data_key (id, wrapped)
  SELECT $9::uuid, $10::bytea WHERE NOT EXISTS (SELECT FROM cluster WHERE host = $3 AND port = $4) RETURNING id)
INSERT INTO cluster (id, name, host, port, region, ssl_mode, ssl_ca, admin_secret, data_key_id, max_projects,
                     max_connections, reserved_connections, state)
SELECT $1, $2, $3, $4::int, $5, $6, $7, $8::bytea, key.id, $11::int, $12::int, $13::int, 'registering' FROM key
RETURNING *`;
