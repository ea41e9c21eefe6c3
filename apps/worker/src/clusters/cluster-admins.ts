import { readFile } from 'node:fs/promises';
import { type Cluster, type ClusterLogin, type NewCluster, type SslMode, workerConnections } from '#control-database';
import { DomainError } from '#platform';
import {
  type Connection,
  ConnectionBroker,
  type ConnectionLimits,
  connectOnce,
  type DatabaseTarget,
  type OwnedConnection,
  type TlsSettings,
} from '#postgres';

/**
 * A worker that sends nothing in a transaction for so long stands still, and the project's requests may wait for what it
 * has locked.
 */
const longestSilenceMs = 10_000;

/** Where administration happens that belongs to no database in particular. */
export const maintenanceDatabase = 'postgres';

/** Enough for four builds, a drop and what is short; an administrator's connection is one that no tenant can have. */
const connectionsPerCluster = workerConnections.administration;

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

  /** By the sealed login, which is another one when the row gets another. */
  private readonly logins = new Map<string, Promise<ClusterLogin>>();

  /** `openLogin` unseals the login of a cluster that has one of its own; without it only that of DATABASE_URL is known. */
  constructor(
    private readonly databaseUrl: string,
    private readonly openLogin: (cluster: Cluster) => Promise<ClusterLogin> = refuseLogin,
  ) {}

  /** Lends a connection to the cluster's maintenance database. Uses must not be nested in one another. */
  async use<T>(cluster: Cluster, work: (admin: Connection) => Promise<T>): Promise<T> {
    const target = await this.targetOf(cluster, maintenanceDatabase);
    return this.broker.use({ key: `admin:${cluster.id}`, clusterId: cluster.id, ...target }, work);
  }

  /** Opens a connection into one of the cluster's databases for the time of `work`. */
  async inDatabase<T>(
    cluster: Cluster,
    database: string,
    work: (admin: Connection) => Promise<T>,
    limits?: ConnectionLimits,
  ): Promise<T> {
    const connection = await this.openDatabase(cluster, database, limits);
    try {
      return await work(connection);
    } finally {
      await connection.close();
    }
  }

  /** As `inDatabase`, for a connection that the caller closes. */
  async openDatabase(cluster: Cluster, database: string, limits?: ConnectionLimits): Promise<OwnedConnection> {
    const target = await this.targetOf(cluster, database);
    return connectOnce(target, { idleInTransactionMs: longestSilenceMs, ...limits });
  }

  /** How the administrator of the cluster logs in: as DATABASE_URL says, unless it has a login of its own. */
  async loginOf(cluster: Cluster): Promise<ClusterLogin> {
    if (cluster.adminSecret === null) return loginOf(new URL(this.databaseUrl));
    const key = cluster.adminSecret.toString('base64');
    const known = this.logins.get(key);
    if (known !== undefined) return known;
    const login = this.openLogin(cluster);
    this.logins.set(key, login);
    login.catch(() => this.logins.delete(key));
    return login;
  }

  /** The administrator's way into a database of the cluster. Holds a password: not for logs. */
  private async targetOf(cluster: Cluster, database: string): Promise<Omit<DatabaseTarget, 'key' | 'clusterId'>> {
    const { host, port } = cluster.adminSecret === null ? loginOf(new URL(this.databaseUrl)) : cluster;
    const { user, password } = await this.loginOf(cluster);
    return { host, port, user, password, database, ...tlsOf(cluster) };
  }

  close(): Promise<void> {
    return this.broker.close();
  }
}

async function refuseLogin({ name }: Cluster): Promise<never> {
  throw new DomainError(
    'unprocessable',
    'cluster-login-unknown',
    `The login of cluster ${name} cannot be opened here.`,
  );
}

/** How connections to the cluster are protected, as a part of a target. */
export function tlsOf({ sslMode, sslCa }: Pick<Cluster, 'sslMode' | 'sslCa'>): { tls?: TlsSettings } {
  if (sslMode === 'disable') return {};
  return { tls: { mode: sslMode, ...(sslCa === null ? {} : { ca: sslCa }) } };
}

/**
 * How the URL wants connections protected: its `sslmode` and the certificates in the file of its `sslrootcert`. Modes that
 * fall back to an open connection count as none.
 */
export async function sslOfUrl({ searchParams }: URL): Promise<Required<Pick<NewCluster, 'sslMode' | 'sslCa'>>> {
  const sslMode = sslModes.get(searchParams.get('sslmode') ?? '') ?? 'disable';
  const rootCert = searchParams.get('sslrootcert');
  return { sslMode, sslCa: sslMode === 'verify-full' && rootCert !== null ? await readFile(rootCert, 'utf8') : null };
}

const sslModes: ReadonlyMap<string, SslMode> = new Map([
  ['require', 'require'],
  ['no-verify', 'require'],
  ['verify-ca', 'verify-full'],
  ['verify-full', 'verify-full'],
]);

/** The parts of a PostgreSQL URL, with libpq's defaults for what it leaves out. */
export function loginOf(url: URL): { host: string; port: number; user: string; password: string } {
  return {
    host: url.hostname.replace(/^\[|\]$/g, '') || '127.0.0.1',
    port: url.port === '' ? 5432 : Number(url.port),
    user: decodeURIComponent(url.username) || 'postgres',
    password: decodeURIComponent(url.password),
  };
}
