import { randomBytes } from 'node:crypto';
import type { Cluster, TenantDatabase, TenantDatabaseRepository } from '#control-database';
import { generateSecret, type KeyProvider, open, seal, uuidv7 } from '#platform';
import { type Connection, type DatabaseTarget, type OwnedConnection, sqlState } from '#postgres';
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
export const buildLock = ({ id }: Pick<TenantDatabase, 'id'>): string => `build ${id}`;

/**
 * Builds tenant databases: first the row with the final names and the sealed password, then what the row says. So
 * whatever dies in between, the row tells what may exist, and building again from the row ends at the same database.
 */
export class TenantDatabaseBuilder {
  private readonly slots = new Map<string, BuildSlots>();

  constructor(
    private readonly dependencies: {
      tenantDatabases: TenantDatabaseRepository;
      keyProvider: KeyProvider;
      admins: ClusterAdmins;
      preparation: ClusterPreparation;
      spareConnections: SpareConnections;
      schema: FleetSchema;
    },
  ) {}

  /**
   * Records a database that is to be built with this schema, for a project or (without one) for the stock of spares.
   * `lease-lost`, with nothing recorded, when the lease under which it is built for the project is over.
   */
  async plan(
    cluster: Cluster,
    schemaVersion: number,
    owner?: { projectId: string; fence: string },
  ): Promise<TenantDatabase> {
    const { tenantDatabases, keyProvider } = this.dependencies;
    const [id, dataKey] = [uuidv7(), randomBytes(dataKeyBytes)];
    return tenantDatabases.insertBuilding(
      {
        id,
        clusterId: cluster.id,
        databaseName: randomTenantName(),
        roleName: randomTenantName(),
        dataKey: { id: uuidv7(), wrapped: await keyProvider.wrap(dataKey) },
        passwordSealed: seal(dataKey, generateSecret(), tenantPasswordContext(id)),
        schemaVersion,
        projectId: owner?.projectId,
      },
      { fence: owner?.fence },
    );
  }

  /**
   * Makes everything that the row says, or the rest of it. Safe to repeat. Gives a connection into the database, acting as
   * its role, which the caller closes; undefined, with nothing done, when another worker is building from the same row at
   * the moment, or has given it up.
   */
  build(cluster: Cluster, database: TenantDatabase): Promise<OwnedConnection | undefined> {
    return this.whileBuilding(cluster, database, 'operation', (admin, row, target) =>
      this.make(admin, cluster, row, target),
    );
  }

  /**
   * As `build`, for the stock: the database becomes a spare, to which a connection is open. False also when the row was
   * retired meanwhile.
   */
  async buildSpare(cluster: Cluster, database: TenantDatabase): Promise<boolean> {
    const { tenantDatabases, spareConnections } = this.dependencies;
    const built = await this.whileBuilding(cluster, database, 'stock', async (admin, row, target) => {
      if (row.state !== 'building') return false;
      const connection = await this.make(admin, cluster, row, target);
      await connection.close();
      await spareConnections.open(target);
      await tenantDatabases.markSpare(database.id);
      return true;
    });
    return built ?? false;
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

  /**
   * Runs `work` with the row as it is under the lock, and with the way into the database that it describes. Undefined,
   * without running it, while another worker has the lock, or when the row was given up: what was given up before is not
   * made any more, and what is given up now waits (see the remover).
   */
  private async whileBuilding<T>(
    cluster: Cluster,
    { id, schemaVersion }: TenantDatabase,
    priority: BuildPriority,
    work: (admin: Connection, row: TenantDatabase, target: DatabaseTarget) => Promise<T>,
  ): Promise<T | undefined> {
    const { admins, preparation, tenantDatabases, keyProvider } = this.dependencies;
    await preparation.ready(cluster, schemaVersion);
    return this.slotsOf(cluster).run(priority, () =>
      admins.use(cluster, (admin) =>
        tryWithLock(admin, buildLock({ id }), async () => {
          const { wrappedKey, ...row } = await tenantDatabases.getWithKey(id);
          if (row.state === 'trash' || row.state === 'dropped') return undefined;
          if (wrappedKey === null) throw new Error(`The data key of tenant database ${id} was destroyed.`);
          return work(admin, row, tenantTarget(cluster, row, await keyProvider.unwrap(wrappedKey)));
        }),
      ),
    );
  }

  private async make(
    admin: Connection,
    cluster: Cluster,
    database: TenantDatabase,
    { password }: DatabaseTarget,
  ): Promise<OwnedConnection> {
    const { admins, preparation, schema } = this.dependencies;
    const template = schema.templateName(database.schemaVersion);
    try {
      return await makeTenantDatabase(admin, admins, cluster, database, { password, template });
    } catch (error) {
      if (sqlState(error) === noSuchDatabase) preparation.forget(cluster, database.schemaVersion);
      throw error;
    }
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
