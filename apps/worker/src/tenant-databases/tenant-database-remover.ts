import type {
  Cluster,
  ClusterRepository,
  DataKeyRepository,
  TenantDatabase,
  TenantDatabaseRepository,
  Transaction,
  Transactions,
} from '#control-database';
import { DomainError } from '#platform';
import {
  type Connection,
  databaseExists,
  disableLogin,
  dropDatabase,
  dropRole,
  renameDatabase,
  terminateConnections,
} from '#postgres';
import { tryWithLock, withLock } from '../clusters/advisory-lock.js';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { trashName } from './names.js';
import { buildLock } from './tenant-database-builder.js';

/**
 * Takes tenant databases away that are recorded as trash, by the names in their rows and never by what is found on a
 * cluster. Every part is "if it exists", so each may be repeated and none needs the one before it.
 */
export class TenantDatabaseRemover {
  constructor(
    private readonly dependencies: {
      tenantDatabases: TenantDatabaseRepository;
      clusters: ClusterRepository;
      dataKeys: DataKeyRepository;
      transactions: Transactions;
      admins: ClusterAdmins;
    },
  ) {}

  /** All of it. At the end the row is `dropped` and nothing of the database exists. */
  async remove(database: TenantDatabase): Promise<void> {
    await this.assertTrash(database);
    await this.closeDoor(database);
    await this.drop(database);
    await this.dropRole(database);
    await this.dependencies.transactions.run((transaction) => this.forget(database, transaction));
  }

  /** From now on the role cannot log in, and its connections are gone. */
  async closeDoor(database: TenantDatabase): Promise<void> {
    await this.onCluster(database, async (admin) => {
      await disableLogin(admin, database.roleName);
      await terminateConnections(admin, database.databaseName);
    });
  }

  /**
   * Renames the database, so that nobody who knows its name can connect any more, and drops it. One drop at a time per
   * cluster: each forces a checkpoint, which can take a second and slows every tenant there. Throws `build-in-progress`
   * while the database is still being built, be it by a server process that a dead worker has left behind: what that makes
   * after the drop would be nobody's.
   */
  async drop(database: TenantDatabase): Promise<void> {
    const { databaseName } = database;
    const trash = trashName(databaseName);
    await this.onCluster(database, (admin) =>
      withLock(admin, 'drop', async () => {
        const dropped = await tryWithLock(admin, buildLock(database), async () => {
          await this.assertTrash(database);
          if (await databaseExists(admin, databaseName)) {
            await terminateConnections(admin, databaseName);
            await renameDatabase(admin, databaseName, trash);
          }
          await dropDatabase(admin, trash);
          return true;
        });
        if (!dropped) throw stillBuilt(database);
      }),
    );
  }

  /** The database must be gone, because its tables refer to the role. */
  dropRole(database: TenantDatabase): Promise<void> {
    return this.onCluster(database, (admin) => dropRole(admin, database.roleName));
  }

  /** Destroys the key of the password and of everything else that was sealed with it, and records the end. */
  async forget(database: TenantDatabase, transaction: Transaction): Promise<void> {
    const { dataKeys, tenantDatabases } = this.dependencies;
    if (database.dataKeyId !== null) await dataKeys.shred(database.dataKeyId, transaction);
    await tenantDatabases.markDropped(database.id, transaction);
  }

  /** The row that the caller has may be an old one. */
  private async assertTrash({ id }: TenantDatabase): Promise<void> {
    const { state } = await this.dependencies.tenantDatabases.get(id);
    if (state === 'trash' || state === 'dropped') return;
    throw new Error(`Tenant database ${id} is recorded as ${state}, so it is not dropped.`);
  }

  private async onCluster<T>(database: TenantDatabase, work: (admin: Connection) => Promise<T>): Promise<T> {
    const cluster: Cluster = await this.dependencies.clusters.get(database.clusterId);
    return this.dependencies.admins.use(cluster, work);
  }
}

function stillBuilt({ id }: TenantDatabase): DomainError {
  return new DomainError(
    'unavailable',
    'build-in-progress',
    `Tenant database ${id} is still being built, so it cannot be dropped yet.`,
  );
}
