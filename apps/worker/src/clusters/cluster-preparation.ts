import type { Cluster, ClusterLoad, ClusterRepository } from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { type Connection, connectOnce, databaseExists, identifier, revokePublicConnect, sql } from '#postgres';
import { withLock } from './advisory-lock.js';
import { type ClusterAdmins, loginOf, maintenanceDatabase } from './cluster-admins.js';
import { ensureTemplate } from './template-database.js';

/**
 * A cluster made of the server of DATABASE_URL takes this many projects: an empty tenant database has some 420 files and
 * 7 MiB, and one server was measured with a thousand of them in use. The operator can change the row.
 */
const defaultMaxProjects = 2_000;

/** Connections of a server that stay for administrators, the control database and monitoring. */
const defaultReservedConnections = 40;

/** Brings clusters into the state in which tenant databases can be made there, once per process and cluster. */
export class ClusterPreparation {
  private readonly prepared = new Map<string, Promise<void>>();

  constructor(
    private readonly clusters: ClusterRepository,
    private readonly admins: ClusterAdmins,
    private readonly databaseUrl: string,
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

  /** Resolves when the cluster has this release's template and its databases are closed to PUBLIC. Repeats a failure. */
  ready(cluster: Cluster): Promise<void> {
    const existing = this.prepared.get(cluster.id);
    if (existing) return existing;
    const preparing = this.prepare(cluster);
    this.prepared.set(cluster.id, preparing);
    preparing.catch(() => this.prepared.delete(cluster.id));
    return preparing;
  }

  private async prepare(cluster: Cluster): Promise<void> {
    await this.closeToPublic(cluster);
    await ensureTemplate(this.admins, cluster);
    if (cluster.templateVersion !== TENANT_SCHEMA_VERSION) {
      await this.clusters.setTemplateVersion(cluster.id, TENANT_SCHEMA_VERSION);
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
    });
  }
}

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
