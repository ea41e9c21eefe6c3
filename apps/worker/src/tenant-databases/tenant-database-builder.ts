import { randomBytes } from 'node:crypto';
import type {
  Cluster,
  DataKeyRepository,
  TenantDatabase,
  TenantDatabaseRepository,
  Transaction,
  Transactions,
} from '#control-database';
import { generateSecret, type KeyProvider, open, seal, uuidv7 } from '#platform';
import { type Connection, type DatabaseTarget, sqlState } from '#postgres';
import { tenantPasswordContext } from '#tenancy';
import { tryWithLock } from '../clusters/advisory-lock.js';
import { type ClusterAdmins, tlsOf } from '../clusters/cluster-admins.js';
import type { ClusterPreparation } from '../clusters/cluster-preparation.js';
import { type BuildPriority, BuildSlots } from './build-slots.js';
import type { FleetSchema } from './fleet-schema.js';
import { makeTenantDatabase } from './make-tenant-database.js';
import { randomTenantName } from './names.js';
import type { SpareConnections } from './spare-connections.js';

const dataKeyBytes = 32;
const noSuchDatabase = '3D000';

/** Held on the cluster for as long as a database is built, also by a server process whose worker has died meanwhile. */
export const buildLock = ({ id }: TenantDatabase): string => `build ${id}`;

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
      schema: FleetSchema;
    },
  ) {}

  /**
   * Records a database that is to be built, with the schema that the fleet is to have, for a project or (without one) for
   * the stock of spares. `release-too-old` when this release does not know that schema; `lease-lost`, with nothing
   * recorded, when the lease under which it is built for the project is over.
   */
  async plan(cluster: Cluster, owner?: { projectId: string; fence: string }): Promise<TenantDatabase> {
    const { tenantDatabases, dataKeys, keyProvider, transactions, schema } = this.dependencies;
    const schemaVersion = await schema.target();
    const [id, dataKeyId, dataKey] = [uuidv7(), uuidv7(), randomBytes(dataKeyBytes)];
    const wrapped = await keyProvider.wrap(dataKey);
    return transactions.run(async (transaction: Transaction) => {
      if (owner) await tenantDatabases.assertLease(owner.projectId, owner.fence, transaction);
      await dataKeys.insert(dataKeyId, wrapped, transaction);
      return tenantDatabases.insertBuilding(
        {
          id,
          clusterId: cluster.id,
          databaseName: randomTenantName(),
          roleName: randomTenantName(),
          passwordSealed: seal(dataKey, generateSecret(), tenantPasswordContext(id)),
          dataKeyId,
          schemaVersion,
          projectId: owner?.projectId,
        },
        transaction,
      );
    });
  }

  /**
   * Makes everything that the row says, or the rest of it. Safe to repeat. False, with nothing done, when another worker
   * is building from the same row at the moment, or has given it up.
   */
  async build(cluster: Cluster, database: TenantDatabase): Promise<boolean> {
    const target = await this.targetOf(cluster, database);
    return this.whileBuilding(cluster, database, 'operation', async (admin) => {
      // Under the lock: what was given up before is not made any more, and what is given up now waits (see the remover).
      const { state } = await this.dependencies.tenantDatabases.get(database.id);
      if (state === 'trash' || state === 'dropped') return false;
      await this.make(admin, cluster, database, target);
      return true;
    });
  }

  /**
   * As `build`, for the stock: the database becomes a spare, to which a connection is open. An operation does the like
   * itself, right afterwards. False also when the row was retired meanwhile.
   */
  async buildSpare(cluster: Cluster, database: TenantDatabase): Promise<boolean> {
    const { tenantDatabases, spareConnections } = this.dependencies;
    const target = await this.targetOf(cluster, database);
    return this.whileBuilding(cluster, database, 'stock', async (admin) => {
      const { state } = await tenantDatabases.get(database.id);
      if (state !== 'building') return false;
      await this.make(admin, cluster, database, target);
      await spareConnections.open(target);
      await tenantDatabases.markSpare(database.id);
      return true;
    });
  }

  /**
   * Takes a database out of the stock: no project gets it any more, and it is to be removed. False when another worker is
   * building it at the moment, or a project has it.
   */
  async retire(cluster: Cluster, database: TenantDatabase): Promise<boolean> {
    const { admins, tenantDatabases } = this.dependencies;
    const retired = await admins.use(cluster, (admin) =>
      tryWithLock(admin, buildLock(database), () => tenantDatabases.retireSpare(database.id)),
    );
    return retired ?? false;
  }

  private whileBuilding(
    cluster: Cluster,
    database: TenantDatabase,
    priority: BuildPriority,
    work: (admin: Connection) => Promise<boolean>,
  ): Promise<boolean> {
    return this.slotsOf(cluster).run(priority, async () => {
      const built = await this.dependencies.admins.use(cluster, (admin) =>
        tryWithLock(admin, buildLock(database), () => work(admin)),
      );
      return built ?? false;
    });
  }

  private async targetOf(cluster: Cluster, database: TenantDatabase): Promise<DatabaseTarget> {
    await this.dependencies.preparation.ready(cluster, database.schemaVersion);
    return tenantTarget(cluster, database, await this.dataKeyOf(database));
  }

  private async make(
    admin: Connection,
    cluster: Cluster,
    database: TenantDatabase,
    { password }: DatabaseTarget,
  ): Promise<void> {
    const { admins, preparation, schema } = this.dependencies;
    const template = schema.templateName(database.schemaVersion);
    try {
      await makeTenantDatabase(admin, admins, cluster, database, { password, template });
    } catch (error) {
      if (sqlState(error) === noSuchDatabase) preparation.forget(cluster, database.schemaVersion);
      throw error;
    }
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
    ...tlsOf(cluster),
    database: database.databaseName,
    user: database.roleName,
    password: open(dataKey, database.passwordSealed, tenantPasswordContext(database.id)).toString('utf8'),
  };
}
