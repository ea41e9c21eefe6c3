import type { Cluster, ClusterLoad, ClusterRepository, NewCluster } from '#control-database';
import type { Logger } from '#platform';
import { type Connection, connectOnce, identifier, isOpenToPublic, revokePublicConnect, sql } from '#postgres';
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
  /** Read once: what follows is the URL with which this process was started. */
  private own: Promise<OwnServer> | undefined;

  constructor(
    private readonly clusters: ClusterRepository,
    private readonly admins: ClusterAdmins,
    private readonly databaseUrl: string,
    private readonly schema: FleetSchema,
    private readonly logger: Logger,
  ) {}

  /**
   * The clusters that were found fit. While there is none, the server of DATABASE_URL becomes the first, under the name
   * `default`. From then on its row follows DATABASE_URL: where it is, and how connections to it are protected.
   */
  async list(): Promise<ClusterLoad[]> {
    const clusters = await this.listFit();
    const own = clusters.find(({ adminSecret }) => adminSecret === null);
    if (own === undefined && clusters.length > 0) return clusters;
    const server = await this.ownServer();
    if (own !== undefined && isAsRecorded(own, server)) return clusters;
    await this.registerOwnServer(own?.name ?? 'default', server);
    if (own !== undefined && own.sslMode !== server.sslMode) {
      const change = { cluster: own.name, before: own.sslMode, now: server.sslMode };
      this.logger.warn(change, 'sslmode of DATABASE_URL now says otherwise how the cluster is reached');
    }
    return this.listFit();
  }

  private async listFit(): Promise<ClusterLoad[]> {
    return (await this.clusters.list()).filter(({ state }) => state !== 'registering');
  }

  private ownServer(): Promise<OwnServer> {
    this.own ??= ownServerOf(new URL(this.databaseUrl));
    this.own.catch(() => (this.own = undefined));
    return this.own;
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
    const shared = new Set([maintenanceDatabase, 'template1']);
    // On another server a database of that name is somebody else's.
    if (cluster.adminSecret === null) shared.add(decodeURIComponent(new URL(this.databaseUrl).pathname.slice(1)));
    await this.admins.use(cluster, (admin) =>
      // PostgreSQL fails one of two concurrent changes of the same rights, so workers take turns.
      withLock(admin, 'rights of shared databases', async () => {
        for (const database of shared) await closeDatabase(admin, database);
      }),
    );
  }

  private async registerOwnServer(name: string, server: OwnServer): Promise<void> {
    const maxConnections = await maxConnectionsOf(this.databaseUrl);
    await this.clusters.ensure({
      name,
      ...server,
      maxProjects: defaultMaxProjects,
      maxConnections,
      reservedConnections: Math.min(defaultReservedConnections, Math.floor(maxConnections / 4)),
    });
  }
}

/** What the row of the server of DATABASE_URL takes from the URL. */
type OwnServer = Required<Pick<NewCluster, 'host' | 'port' | 'sslMode' | 'sslCa'>>;

async function ownServerOf(url: URL): Promise<OwnServer> {
  const { host, port } = loginOf(url);
  return { host, port, ...(await sslOfUrl(url)) };
}

function isAsRecorded(cluster: Cluster, { host, port, sslMode, sslCa }: OwnServer): boolean {
  return cluster.host === host && cluster.port === port && cluster.sslMode === sslMode && cluster.sslCa === sslCa;
}

const keyOf = (cluster: Cluster, schemaVersion: number | ''): string => `${cluster.id} ${schemaVersion}`;

async function closeDatabase(admin: Connection, database: string): Promise<void> {
  // The rights of another owner's database, who has closed it already, are not ours to give.
  if (!(await isOpenToPublic(admin, database))) return;
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
