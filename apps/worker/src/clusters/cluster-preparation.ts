import type { Cluster, ClusterLoad, ClusterRepository } from '#control-database';
import { type Connection, connectOnce, databaseExists, identifier, revokePublicConnect, sql } from '#postgres';
import type { FleetSchema } from '../tenant-databases/fleet-schema.js';
import { withLock } from './advisory-lock.js';
import { type ClusterAdmins, loginOf, maintenanceDatabase, sslOfUrl } from './cluster-admins.js';
import { dropOtherTemplates, ensureTemplate } from './template-database.js';

/**
 * A cluster made of the server of DATABASE_URL takes this many projects: an empty tenant database has some 420 files and
 * 7 MiB, and one server was measured with a thousand of them in use. The operator can change the row.
 */
const defaultMaxProjects = 2_000;

/** Connections of a server that stay for administrators, the control database and monitoring. */
const defaultReservedConnections = 40;

/** Brings clusters into the state in which tenant databases can be made there, once per process, cluster and schema. */
export class ClusterPreparation {
  private readonly prepared = new Map<string, Promise<void>>();

  constructor(
    private readonly clusters: ClusterRepository,
    private readonly admins: ClusterAdmins,
    private readonly databaseUrl: string,
    private readonly schema: FleetSchema,
  ) {}

  /** The clusters. While there is none, the server of DATABASE_URL becomes the first, under the name `default`. */
  async list(): Promise<ClusterLoad[]> {
    const clusters = await this.clusters.list();
    const own = clusters.find(({ adminSecret }) => adminSecret === null);
    const login = loginOf(new URL(this.databaseUrl));
    const isCurrent = own === undefined ? clusters.length > 0 : own.host === login.host && own.port === login.port;
    if (isCurrent) return clusters;
    await this.registerOwnServer(own?.name ?? 'default');
    return this.clusters.list();
  }

  /**
   * Resolves when the cluster has the template of this schema and its databases are closed to PUBLIC. Does again what
   * failed.
   */
  ready(cluster: Cluster, schemaVersion: number): Promise<void> {
    const key = keyOf(cluster, schemaVersion);
    const existing = this.prepared.get(key);
    if (existing) return existing;
    const preparing = this.prepare(cluster, schemaVersion);
    this.prepared.set(key, preparing);
    preparing.catch(() => this.prepared.delete(key));
    return preparing;
  }

  /** The template of this schema is not there any more: another process has dropped it since. */
  forget(cluster: Cluster, schemaVersion: number): void {
    this.prepared.delete(keyOf(cluster, schemaVersion));
  }

  /** Drops the templates of ours on the cluster that are of none of these schemas. Gives their names. */
  async dropOtherTemplates(cluster: Cluster, needed: readonly number[]): Promise<string[]> {
    for (const key of this.prepared.keys()) {
      if (key.startsWith(keyOf(cluster, '')) && !needed.some((version) => key === keyOf(cluster, version))) {
        this.prepared.delete(key);
      }
    }
    return dropOtherTemplates(this.admins, cluster, this.schema, needed);
  }

  private async prepare(cluster: Cluster, schemaVersion: number): Promise<void> {
    await this.closeToPublic(cluster);
    await ensureTemplate(this.admins, cluster, this.schema, schemaVersion);
    if ((cluster.templateVersion ?? 0) < schemaVersion) {
      await this.clusters.setTemplateVersion(cluster.id, schemaVersion);
    }
  }

  /**
   * PostgreSQL lets every role connect to every database unless it is told otherwise, so a tenant role could look into
   * the maintenance databases and the control database. Who administers the cluster keeps the right explicitly.
   */
  private async closeToPublic(cluster: Cluster): Promise<void> {
    const controlDatabase = decodeURIComponent(new URL(this.databaseUrl).pathname.slice(1));
    const shared = new Set([maintenanceDatabase, 'template1', controlDatabase]);
    await this.admins.use(cluster, (admin) =>
      // PostgreSQL fails one of two concurrent changes of the same rights, so workers take turns.
      withLock(admin, 'rights of shared databases', async () => {
        for (const database of shared) await closeDatabase(admin, database);
      }),
    );
  }

  private async registerOwnServer(name: string): Promise<void> {
    const { host, port } = loginOf(new URL(this.databaseUrl));
    const maxConnections = await maxConnectionsOf(this.databaseUrl);
    await this.clusters.ensure({
      name,
      host,
      port,
      maxProjects: defaultMaxProjects,
      maxConnections,
      reservedConnections: Math.min(defaultReservedConnections, Math.floor(maxConnections / 4)),
      ...(await sslOfUrl(new URL(this.databaseUrl))),
    });
  }
}

const keyOf = (cluster: Cluster, schemaVersion: number | ''): string => `${cluster.id} ${schemaVersion}`;

async function closeDatabase(admin: Connection, database: string): Promise<void> {
  if (!(await databaseExists(admin, database))) return;
  await admin.query(sql`GRANT CONNECT, TEMPORARY ON DATABASE ${identifier(database)} TO CURRENT_USER`);
  await revokePublicConnect(admin, database);
}

async function maxConnectionsOf(url: string): Promise<number> {
  const connection = await connectOnce(url);
  try {
    const [row] = await connection.query<{ maxConnections: number }>(
      sql`SELECT current_setting('max_connections')::int AS "maxConnections"`,
    );
    return row!.maxConnections;
  } finally {
    await connection.close();
  }
}
