import { In, type DataSource } from 'typeorm';
import { DomainError } from '#platform';
import { columnsOf, runStatement, splitRow, withManager } from '../connection/statements.js';
import { inTransaction, type Transaction } from '../connection/transactions.js';
import type { ClusterId, DataKeyId, ProjectId, TenantDatabaseId } from '../ids.js';
import { leaseLost } from '../operations/lease-lost.js';
import { TenantDatabase, type TenantDatabaseState } from './tenant-database.entity.js';

export interface NewTenantDatabase {
  id: TenantDatabaseId;
  clusterId: ClusterId;
  databaseName: string;
  roleName: string;
  passwordSealed: Buffer;
  dataKeyId: DataKeyId;
  schemaVersion: number;
  /** Set when the database is built for this project because no spare was left. */
  projectId?: ProjectId;
}

/** A database in use, with the wrapped data keys of its own secrets and of its project's; null if they were shredded. */
export interface ClaimedDatabase extends TenantDatabase {
  wrappedKeys: { database: Buffer | null; project: Buffer | null };
}

/** The databases that the platform has made, from the row written before CREATE DATABASE to the one kept after DROP. */
export class TenantDatabaseRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes down a database that is about to be made. A project that has one already (building or in use) is refused with
   * `tenant-database-exists`.
   */
  async insertBuilding(database: NewTenantDatabase, transaction?: Transaction): Promise<TenantDatabase> {
    const { id, clusterId, databaseName, roleName, passwordSealed, dataKeyId, schemaVersion, projectId } = database;
    const [created] = await runStatement<TenantDatabase>(
      this.dataSource,
      transaction,
      `INSERT INTO tenant_database
         (id, cluster_id, database_name, role_name, password_sealed, data_key_id, schema_version, state, project_id)
       VALUES ($1, $2, $3, $4, $5, $6, $7, 'building', $8)
       ON CONFLICT (project_id) WHERE state NOT IN ('trash', 'dropped') DO NOTHING RETURNING *`,
      [id, clusterId, databaseName, roleName, passwordSealed, dataKeyId, schemaVersion, projectId ?? null],
    );
    if (created !== undefined) return created;
    throw new DomainError('conflict', 'tenant-database-exists', `Project ${projectId} has a tenant database already.`);
  }

  /** The database is complete and may be claimed. */
  async markSpare(id: TenantDatabaseId, transaction?: Transaction): Promise<void> {
    const changed = await runStatement(
      this.dataSource,
      transaction,
      `UPDATE tenant_database SET state = 'spare'
        WHERE id = $1 AND state IN ('building', 'spare') AND project_id IS NULL RETURNING id`,
      [id],
    );
    if (changed.length === 0) throw wrongState(id, 'a spare');
  }

  /** Takes a database out of the stock, to be removed. False when it belongs to a project or is no longer there. */
  async retireSpare(id: TenantDatabaseId): Promise<boolean> {
    const changed = await runStatement(
      this.dataSource,
      undefined,
      `UPDATE tenant_database SET state = 'trash'
        WHERE id = $1 AND state IN ('building', 'spare') AND project_id IS NULL RETURNING id`,
      [id],
    );
    return changed.length > 0;
  }

  /**
   * Gives the oldest spare of the cluster at this schema version to a project and places the project on it; a project
   * without a data key of its own takes over the database's. Two claims never get one database and never wait for each
   * other. A project that has its database already gets the same again. Undefined when there is no spare; `lease-lost`
   * when a fence is given and the lease is over. One statement, so that it costs one round trip.
   */
  async claimSpare(
    projectId: ProjectId,
    clusterId: ClusterId,
    schemaVersion: number,
    { fence }: { fence?: string } = {},
  ): Promise<ClaimedDatabase | undefined> {
    const [row] = await runStatement<ClaimRow & { allowed: boolean }>(this.dataSource, undefined, claimStatement, [
      ...[projectId, fence ?? null, clusterId, schemaVersion],
    ]);
    if (!row?.allowed) throw leaseLost(`project ${projectId}`);
    return row['database.state'] === 'claimed' ? toClaimed(row) : undefined;
  }

  /** Takes the database that was built for a project into use: as `claimSpare`, for one in state `building`. */
  async claimBuilt(id: TenantDatabaseId, projectId: ProjectId, { fence }: { fence: string }): Promise<ClaimedDatabase> {
    await inTransaction(this.dataSource, undefined, async (within) => {
      await this.assertLease(projectId, fence, within);
      const [database] = await runStatement<TenantDatabase>(
        this.dataSource,
        within,
        `UPDATE tenant_database SET state = 'claimed'
          WHERE id = $1 AND state IN ('building', 'claimed') AND project_id = $2 RETURNING *`,
        [id, projectId],
      );
      if (database === undefined) throw wrongState(id, `the database of project ${projectId}`);
      await this.place(database, projectId, within);
    });
    return (await this.findClaimed(projectId))!;
  }

  /** The database that the project uses. */
  async findClaimed(projectId: ProjectId): Promise<ClaimedDatabase | undefined> {
    const [row] = await runStatement<ClaimRow>(
      this.dataSource,
      undefined,
      `SELECT ${claimColumns}
         FROM tenant_database AS database ${joinedKeys} WHERE database.project_id = $1 AND database.state = 'claimed'`,
      [projectId],
    );
    return row === undefined ? undefined : toClaimed(row);
  }

  private async place(database: TenantDatabase, projectId: ProjectId, transaction: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `INSERT INTO placement AS p (project_id, tenant_database_id, generation) VALUES ($1, $2, 1)
       ON CONFLICT (project_id) DO UPDATE
         SET tenant_database_id = EXCLUDED.tenant_database_id, generation = p.generation + 1
       WHERE p.tenant_database_id <> EXCLUDED.tenant_database_id`,
      [projectId, database.id],
    );
    await runStatement(
      this.dataSource,
      transaction,
      'UPDATE project SET data_key_id = $2 WHERE id = $1 AND data_key_id IS NULL',
      [projectId, database.dataKeyId],
    );
  }

  /** How many spares of the cluster are at this schema version. */
  async countSpares(clusterId: ClusterId, schemaVersion: number): Promise<number> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.countBy(TenantDatabase, { clusterId, schemaVersion, state: 'spare' }),
    );
  }

  /** The database, or a `not-found` error. */
  async get(id: TenantDatabaseId): Promise<TenantDatabase> {
    const database = await withManager(this.dataSource, undefined, (manager) =>
      manager.findOneBy(TenantDatabase, { id }),
    );
    if (database !== null) return database;
    throw new DomainError('not-found', 'tenant-database-not-found', `There is no tenant database ${id}.`);
  }

  /** The database that is being built for the project or that it uses. */
  async findOfProject(projectId: ProjectId, transaction?: Transaction): Promise<TenantDatabase | undefined> {
    const [database] = await runStatement<TenantDatabase>(
      this.dataSource,
      transaction,
      `SELECT * FROM tenant_database WHERE project_id = $1 AND state NOT IN ('trash', 'dropped')`,
      [projectId],
    );
    return database;
  }

  /** Every database that was ever recorded for the project, the dropped ones included. */
  listOfProject(projectId: ProjectId): Promise<TenantDatabase[]> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.find(TenantDatabase, { where: { projectId }, order: { createdAt: 'ASC' } }),
    );
  }

  /**
   * Gives up every database of the project that is not known to be gone, and gives their rows: from now on they are trash,
   * which nothing brings back, so that they may be dropped whatever becomes of the lease. `lease-lost`, with nothing
   * changed, when the lease is over.
   */
  async discardAllOf(
    projectId: ProjectId,
    { fence }: { fence: string },
    transaction?: Transaction,
  ): Promise<TenantDatabase[]> {
    return inTransaction(this.dataSource, transaction, async (within) => {
      await this.assertLease(projectId, fence, within);
      return runStatement<TenantDatabase>(
        this.dataSource,
        within,
        `UPDATE tenant_database SET state = 'trash' WHERE project_id = $1 AND state <> 'dropped' RETURNING *`,
        [projectId],
      );
    });
  }

  /** Records that a database which was trash is gone; repeating it changes nothing. `wrong-state` when it is anything else. */
  async markDropped(id: TenantDatabaseId, transaction?: Transaction): Promise<void> {
    const changed = await runStatement(
      this.dataSource,
      transaction,
      `UPDATE tenant_database SET state = 'dropped' WHERE id = $1 AND state IN ('trash', 'dropped') RETURNING id`,
      [id],
    );
    if (changed.length === 0) throw wrongState(id, 'dropped');
  }

  /**
   * Records that the database was found with the schema `found`, older than the recorded one: it came back from a backup.
   * Nothing is written when another schema than `thought` is recorded by now.
   */
  async recordOlderSchema(id: TenantDatabaseId, thought: number, found: number): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      'UPDATE tenant_database SET schema_version = $3 WHERE id = $1 AND schema_version = $2',
      [id, thought, found],
    );
  }

  /** Records another sealed password, sealed with this data key. */
  async setPassword(id: TenantDatabaseId, passwordSealed: Buffer, dataKeyId: DataKeyId): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      'UPDATE tenant_database SET password_sealed = $2, data_key_id = $3 WHERE id = $1',
      [id, passwordSealed, dataKeyId],
    );
  }

  /** Databases in any of these states, the oldest first. */
  listByState(...states: TenantDatabaseState[]): Promise<TenantDatabase[]> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.find(TenantDatabase, { where: { state: In(states) }, order: { createdAt: 'ASC' } }),
    );
  }

  /**
   * Throws `lease-lost` unless an operation on the project runs under this fencing number, and keeps every other worker
   * from claiming that operation until the transaction has ended.
   */
  async assertLease(projectId: ProjectId, fence: string, transaction: Transaction): Promise<void> {
    const held = await runStatement(
      this.dataSource,
      transaction,
      `SELECT id FROM operation WHERE project_id = $1 AND fence = $2 AND state = 'running' FOR SHARE`,
      [projectId, fence],
    );
    if (held.length === 0) throw leaseLost(`project ${projectId}`);
  }
}

function wrongState(id: TenantDatabaseId, wanted: string): DomainError {
  return new DomainError('conflict', 'wrong-state', `Tenant database ${id} is not in a state to become ${wanted}.`);
}

interface ClaimRow {
  'database.state': TenantDatabaseState | null;
  databaseKey: Buffer | null;
  projectKey: Buffer | null;
}

function toClaimed(row: ClaimRow): ClaimedDatabase {
  const { databaseKey, projectKey } = row;
  return { ...splitRow<TenantDatabase>(row, 'database'), wrappedKeys: { database: databaseKey, project: projectKey } };
}

const databaseColumns =
  'id cluster_id database_name role_name password_sealed data_key_id schema_version state project_id created_at'.split(
    ' ',
  );

const claimColumns = `${columnsOf('database', databaseColumns, 'database')},
  database_key.wrapped AS database_key, project_key.wrapped AS project_key`;

/** The keys of a row `database`. A project without a key of its own is about to take over the database's. */
const joinedKeys = `
  LEFT JOIN project ON project.id = $1
  LEFT JOIN data_key database_key ON database_key.id = database.data_key_id
  LEFT JOIN data_key project_key ON project_key.id = coalesce(project.data_key_id, database.data_key_id)`;

/**
 * Always one row, which says whether the lease is held. The lease ($2, when it is given) is locked until the commit, so that
 * no other worker can claim the operation in between. What `own` finds the project has already, and then no spare is
 * touched.
 */
const claimStatement = `
WITH held AS (SELECT id FROM operation WHERE project_id = $1 AND fence = $2 AND state = 'running' FOR SHARE),
  lease AS (SELECT $2::bigint IS NULL OR EXISTS (SELECT FROM held) AS allowed),
  own AS (SELECT * FROM tenant_database WHERE project_id = $1 AND state NOT IN ('trash', 'dropped')),
  spare AS (
    UPDATE tenant_database SET state = 'claimed', project_id = $1
     WHERE id = (SELECT t.id FROM lease, tenant_database t
                  WHERE lease.allowed AND NOT EXISTS (SELECT FROM own)
                    AND t.state = 'spare' AND t.cluster_id = $3 AND t.schema_version = $4
                  ORDER BY t.created_at FOR UPDATE OF t SKIP LOCKED LIMIT 1)
    RETURNING *),
  placed AS (
    INSERT INTO placement AS p (project_id, tenant_database_id, generation) SELECT $1, id, 1 FROM spare
    ON CONFLICT (project_id) DO UPDATE
      SET tenant_database_id = EXCLUDED.tenant_database_id, generation = p.generation + 1
    WHERE p.tenant_database_id <> EXCLUDED.tenant_database_id),
  keyed AS (
    UPDATE project SET data_key_id = spare.data_key_id FROM spare
     WHERE project.id = $1 AND project.data_key_id IS NULL)
SELECT lease.allowed, ${claimColumns}
  FROM lease LEFT JOIN (SELECT * FROM own UNION ALL SELECT * FROM spare) AS database ON true ${joinedKeys}`;
