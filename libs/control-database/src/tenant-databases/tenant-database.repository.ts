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
  /** The key that seals its secrets, wrapped by the master key; it is written down with it. */
  dataKey: { id: DataKeyId; wrapped: Buffer };
  passwordSealed: Buffer;
  schemaVersion: number;
  /** Set when the database is built for this project because no spare was left. */
  projectId?: ProjectId;
}

/** A project's database, with the wrapped data keys of its own secrets and of its project's; null if they were shredded. */
export interface ProjectDatabase extends TenantDatabase {
  wrappedKeys: { database: Buffer | null; project: Buffer | null };
}

/** The databases that the platform has made, from the row written before CREATE DATABASE to the one kept after DROP. */
export class TenantDatabaseRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes down a database that is about to be made, and its data key. A project that has one already (building or in
   * use) is refused with `tenant-database-exists`; `lease-lost` when a fence is given and the lease on the project is
   * over. Nothing is written then.
   */
  async insertBuilding(database: NewTenantDatabase, { fence }: { fence?: string } = {}): Promise<TenantDatabase> {
    const { id, clusterId, databaseName, roleName, passwordSealed, dataKey, schemaVersion, projectId } = database;
    const [row] = await runStatement<{ allowed: boolean; 'database.id': TenantDatabaseId | null }>(
      this.dataSource,
      undefined,
      buildingStatement,
      [
        ...[projectId ?? null, fence ?? null, id, clusterId, databaseName, roleName, passwordSealed, dataKey.id],
        ...[schemaVersion, dataKey.wrapped],
      ],
    );
    if (!row?.allowed) throw leaseLost(`project ${projectId}`);
    if (row['database.id'] !== null) return splitRow<TenantDatabase>(row, 'database');
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
   * other. A project that has a database already gets the same again, be it in use or still being built. Undefined when
   * there is no spare; `lease-lost` when a fence is given and the lease is over. One statement, so that it costs one
   * round trip.
   */
  async claimSpare(
    projectId: ProjectId,
    clusterId: ClusterId,
    schemaVersion: number,
    { fence }: { fence?: string } = {},
  ): Promise<ProjectDatabase | undefined> {
    const [row] = await runStatement<ClaimRow & { allowed: boolean }>(this.dataSource, undefined, claimStatement, [
      ...[projectId, fence ?? null, clusterId, schemaVersion],
    ]);
    if (!row?.allowed) throw leaseLost(`project ${projectId}`);
    return row['database.state'] === null ? undefined : toProjectDatabase(row);
  }

  /** Takes the database that was built for a project into use: as `claimSpare`, for one in state `building`. */
  async claimBuilt(id: TenantDatabaseId, projectId: ProjectId, { fence }: { fence: string }): Promise<ProjectDatabase> {
    const [row] = await runStatement<ClaimRow & { allowed: boolean }>(this.dataSource, undefined, claimBuiltStatement, [
      ...[projectId, fence, id],
    ]);
    if (!row?.allowed) throw leaseLost(`project ${projectId}`);
    if (row['database.state'] === null) throw wrongState(id, `the database of project ${projectId}`);
    return toProjectDatabase(row);
  }

  /** The database that the project uses. */
  async findClaimed(projectId: ProjectId): Promise<ProjectDatabase | undefined> {
    const [row] = await runStatement<ClaimRow>(
      this.dataSource,
      undefined,
      `SELECT ${claimColumns}
         FROM tenant_database AS database ${joinedKeys} WHERE database.project_id = $1 AND database.state = 'claimed'`,
      [projectId],
    );
    return row === undefined ? undefined : toProjectDatabase(row);
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
    throw notFound(id);
  }

  /** The database, and the wrapped data key of its secrets, null if it was shredded; or a `not-found` error. */
  async getWithKey(id: TenantDatabaseId): Promise<TenantDatabase & { wrappedKey: Buffer | null }> {
    const [row] = await runStatement<TenantDatabase & { wrappedKey: Buffer | null }>(
      this.dataSource,
      undefined,
      `SELECT ${databaseColumns.map((column) => `t.${column}`).join(', ')}, k.wrapped AS wrapped_key
         FROM tenant_database t LEFT JOIN data_key k ON k.id = t.data_key_id WHERE t.id = $1`,
      [id],
    );
    if (row !== undefined) return row;
    throw notFound(id);
  }

  /** The database that is being built for the project or that it uses. */
  async findOfProject(projectId: ProjectId): Promise<TenantDatabase | undefined> {
    const [database] = await runStatement<TenantDatabase>(
      this.dataSource,
      undefined,
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
  private async assertLease(projectId: ProjectId, fence: string, transaction: Transaction): Promise<void> {
    const held = await runStatement(
      this.dataSource,
      transaction,
      `SELECT id FROM operation WHERE project_id = $1 AND fence = $2 AND state = 'running' FOR SHARE`,
      [projectId, fence],
    );
    if (held.length === 0) throw leaseLost(`project ${projectId}`);
  }
}

function notFound(id: TenantDatabaseId): DomainError {
  return new DomainError('not-found', 'tenant-database-not-found', `There is no tenant database ${id}.`);
}

function wrongState(id: TenantDatabaseId, wanted: string): DomainError {
  return new DomainError('conflict', 'wrong-state', `Tenant database ${id} is not in a state to become ${wanted}.`);
}

interface ClaimRow {
  'database.state': TenantDatabaseState | null;
  databaseKey: Buffer | null;
  projectKey: Buffer | null;
}

function toProjectDatabase(row: ClaimRow): ProjectDatabase {
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
 * One row, `lease`, that says whether the lease on the project ($1) is held, which it always is when no fence ($2) is
 * given. A lease that is held is locked until the commit, so that no other worker can claim the operation in between.
 */
const lease = `
  held AS (SELECT id FROM operation WHERE project_id = $1 AND fence = $2 AND state = 'running' FOR SHARE),
  lease AS (SELECT $2::bigint IS NULL OR EXISTS (SELECT FROM held) AS allowed)`;

const buildingStatement = `
WITH ${lease},
  created AS (
    INSERT INTO tenant_database
      (id, cluster_id, database_name, role_name, password_sealed, data_key_id, schema_version, state, project_id)
    SELECT $3::uuid, $4, $5, $6, $7::bytea, $8::uuid, $9::int, 'building', $1::uuid FROM lease WHERE lease.allowed
    ON CONFLICT (project_id) WHERE state NOT IN ('trash', 'dropped') DO NOTHING RETURNING *),
  keyed AS (INSERT INTO data_key (id, wrapped) SELECT data_key_id, $10::bytea FROM created)
SELECT lease.allowed, ${columnsOf('created', databaseColumns, 'database')} FROM lease LEFT JOIN created ON true`;

/** Places the project on the database that `source` gives, if it gives one. */
const placedOn = (source: string): string => `
  placed AS (
    INSERT INTO placement AS p (project_id, tenant_database_id, generation) SELECT $1, id, 1 FROM ${source}
    ON CONFLICT (project_id) DO UPDATE
      SET tenant_database_id = EXCLUDED.tenant_database_id, generation = p.generation + 1
    WHERE p.tenant_database_id <> EXCLUDED.tenant_database_id),
  keyed AS (
    UPDATE project SET data_key_id = ${source}.data_key_id FROM ${source}
     WHERE project.id = $1 AND project.data_key_id IS NULL)`;

/** What `own` finds the project has already, and then no spare is touched. */
const claimStatement = `
WITH ${lease},
  own AS (SELECT * FROM tenant_database WHERE project_id = $1 AND state NOT IN ('trash', 'dropped')),
  spare AS (
    UPDATE tenant_database SET state = 'claimed', project_id = $1
     WHERE id = (SELECT t.id FROM lease, tenant_database t
                  WHERE lease.allowed AND NOT EXISTS (SELECT FROM own)
                    AND t.state = 'spare' AND t.cluster_id = $3 AND t.schema_version = $4
                  ORDER BY t.created_at FOR UPDATE OF t SKIP LOCKED LIMIT 1)
    RETURNING *), ${placedOn('spare')}
SELECT lease.allowed, ${claimColumns}
  FROM lease LEFT JOIN (SELECT * FROM own UNION ALL SELECT * FROM spare) AS database ON true ${joinedKeys}`;

const claimBuiltStatement = `
WITH ${lease},
  built AS (
    UPDATE tenant_database t SET state = 'claimed' FROM lease
     WHERE lease.allowed AND t.id = $3 AND t.state IN ('building', 'claimed') AND t.project_id = $1
    RETURNING t.*), ${placedOn('built')}
SELECT lease.allowed, ${claimColumns} FROM lease LEFT JOIN built AS database ON true ${joinedKeys}`;
