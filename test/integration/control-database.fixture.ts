import type { DataSource } from 'typeorm';
import {
  ClusterRepository,
  openControlDatabase,
  OperationRepository,
  ProjectRepository,
  TenantDatabaseRepository,
  type Operation,
  type TenantDatabase,
} from '#control-database';
import { newId, uuidv7 } from '#platform';
import type { TestDatabase } from '#testing';
import { aControlDatabase } from './control-schema.fixture.js';

/** A migrated control database of a test file's own with one cluster, and the rows with which its tests begin. */
export class TestControlDatabase {
  readonly projects: ProjectRepository;
  readonly operations: OperationRepository;
  readonly tenantDatabases: TenantDatabaseRepository;
  private slugs = 0;

  private constructor(
    private readonly database: TestDatabase,
    readonly dataSource: DataSource,
    readonly clusterId: string,
  ) {
    this.projects = new ProjectRepository(dataSource);
    this.operations = new OperationRepository(dataSource);
    this.tenantDatabases = new TenantDatabaseRepository(dataSource);
  }

  static async open(): Promise<TestControlDatabase> {
    const database = await aControlDatabase();
    const dataSource = await openControlDatabase({ databaseUrl: database.url }, { migrate: false });
    const { id } = await new ClusterRepository(dataSource).ensure({
      ...{ name: 'default', host: '127.0.0.1', port: 5432 },
      ...{ maxProjects: 1_000, maxConnections: 100, reservedConnections: 5 },
    });
    return new TestControlDatabase(database, dataSource, id);
  }

  async close(): Promise<void> {
    await this.dataSource.destroy();
    await this.database.drop();
  }

  get url(): string {
    return this.database.url;
  }

  /** A project that waits to be built, with the operation that builds it. */
  async aProvisioningProject(
    slug = `project-${++this.slugs}`,
  ): Promise<{ id: string; slug: string; operation: Operation }> {
    const id = uuidv7();
    const { operation } = await this.projects.createProvisioning({
      project: { id, slug, name: slug, fhirVersion: '4.0.1', createdBy: 'operator:test' },
      baseUrl: { kind: 'slug', name: slug },
      operation: { id: newId('op'), kind: 'project.create', params: {}, createdBy: 'operator:test' },
    });
    return { id, slug, operation };
  }

  /** The operation under the lease of a worker that takes it up now. */
  async claimed(operation: Operation): Promise<Operation> {
    const claim = await this.operations.claim(operation.id, 'worker-1', 30_000);
    if (claim === undefined) throw new Error(`${operation.id} could not be claimed`);
    return claim;
  }

  /** What a lease looks like whose worker has died long ago. */
  async endLease(operation: Operation): Promise<void> {
    await this.dataSource.query(`UPDATE operation SET lease_expires_at = now() - interval '1 s' WHERE id = $1`, [
      operation.id,
    ]);
  }

  /** A tenant database, on paper only, that no project has yet. */
  async aSpare(schemaVersion = 1): Promise<TenantDatabase> {
    const id = uuidv7();
    const database = await this.tenantDatabases.insertBuilding({
      id,
      clusterId: this.clusterId,
      databaseName: `fp_${id}`,
      roleName: `fr_${id}`,
      passwordSealed: Buffer.from('sealed'),
      dataKey: { id: uuidv7(), wrapped: Buffer.from('wrapped') },
      schemaVersion,
    });
    await this.tenantDatabases.markSpare(database.id);
    return database;
  }
}
