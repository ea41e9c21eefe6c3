import { randomBytes } from 'node:crypto';
import type {
  Cluster,
  DataKeyRepository,
  TenantDatabase,
  TenantDatabaseRepository,
  Transaction,
  Transactions,
} from '#control-database';
import { TENANT_SCHEMA_VERSION } from '#migrations/tenant';
import { generateSecret, type KeyProvider, open, seal, uuidv7 } from '#platform';
import type { DatabaseTarget } from '#postgres';
import { tenantPasswordContext } from '#tenancy';
import { tryWithLock } from '../clusters/advisory-lock.js';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import { type BuildPriority, BuildSlots } from './build-slots.js';
import { makeTenantDatabase } from './make-tenant-database.js';
import { randomTenantName } from './names.js';
import type { SpareConnections } from './spare-connections.js';

const dataKeyBytes = 32;

/**
 * Builds tenant databases: first the row with the final names and the sealed password, then what the row says. So
 * whatever dies in between, the row tells what may exist, and building again from the row ends at the same database.
 */
export class TenantDatabaseBuilder {
  private readonly slots = new Map<string, BuildSlots>();

  constructor(
    private readonly dependencies: {
      tenantDatabases: TenantDatabaseRepository;
      dataKeys: DataKeyRepository;
      transactions: Transactions;
      keyProvider: KeyProvider;
      admins: ClusterAdmins;
      preparation: ClusterPreparation;
      spareConnections: SpareConnections;
    },
  ) {}

  /** Records a database that is to be built, for a project or (without one) for the stock of spares. */
  async plan(cluster: Cluster, projectId?: string): Promise<TenantDatabase> {
    const { tenantDatabases, dataKeys, keyProvider, transactions } = this.dependencies;
    const [id, dataKeyId, dataKey] = [uuidv7(), uuidv7(), randomBytes(dataKeyBytes)];
    const wrapped = await keyProvider.wrap(dataKey);
    return transactions.run(async (transaction: Transaction) => {
      await dataKeys.insert(dataKeyId, wrapped, transaction);
      return tenantDatabases.insertBuilding(
        {
          id,
          clusterId: cluster.id,
          databaseName: randomTenantName(),
          roleName: randomTenantName(),
          passwordSealed: seal(dataKey, generateSecret(), tenantPasswordContext(id)),
          dataKeyId,
          schemaVersion: TENANT_SCHEMA_VERSION,
          projectId,
        },
        transaction,
      );
    });
  }

  /**
   * Makes everything that the row says, or the rest of it. Safe to repeat. False, with nothing done, when another worker
   * is building from the same row at the moment. One for the stock is also connected to; an operation does that itself,
   * right afterwards.
   */
  async build(cluster: Cluster, database: TenantDatabase, priority: BuildPriority): Promise<boolean> {
    await this.dependencies.preparation.ready(cluster);
    const target = tenantTarget(cluster, database, await this.dataKeyOf(database));
    return this.slotsOf(cluster).run(priority, async () => {
      const built = await this.dependencies.admins.use(cluster, (admin) =>
        tryWithLock(admin, `build ${database.id}`, async () => {
          await makeTenantDatabase(admin, this.dependencies.admins, cluster, database, target.password);
          if (priority === 'stock') await this.dependencies.spareConnections.open(target);
          return true;
        }),
      );
      return built ?? false;
    });
  }

  /** The data key of the database's secrets, unwrapped. */
  async dataKeyOf(database: TenantDatabase): Promise<Buffer> {
    if (database.dataKeyId === null) throw new Error(`The data key of tenant database ${database.id} was destroyed.`);
    const { wrapped } = await this.dependencies.dataKeys.get(database.dataKeyId);
    return this.dependencies.keyProvider.unwrap(wrapped);
  }

  private slotsOf(cluster: Cluster): BuildSlots {
    const existing = this.slots.get(cluster.id);
    if (existing) return existing;
    const slots = new BuildSlots();
    this.slots.set(cluster.id, slots);
    return slots;
  }
}

/** Where a tenant database is and how its own role logs in. Holds a password: not for logs. */
export function tenantTarget(cluster: Cluster, database: TenantDatabase, dataKey: Buffer): DatabaseTarget {
  return {
    key: database.id,
    clusterId: cluster.id,
    host: cluster.host,
    port: cluster.port,
    database: database.databaseName,
    user: database.roleName,
    password: open(dataKey, database.passwordSealed, tenantPasswordContext(database.id)).toString('utf8'),
  };
}
