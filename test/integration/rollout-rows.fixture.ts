import { randomBytes } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import { ClusterRepository, type Cluster } from '#control-database';
import type { TenantMigration } from '#migrations/tenant';
import { uuidv7 } from '#platform';
import { aSlug, type ControlPlane } from './control-plane.fixture.js';

/** Migrations that no database ever sees: the control plane only reads them. */
const migration = (
  name: string,
  statements: readonly string[],
  more: Partial<Pick<TenantMigration, 'phase' | 'transaction' | 'backfill'>> = {},
): new () => TenantMigration =>
  class implements TenantMigration {
    name = name;
    phase = more.phase ?? 'expand';
    transaction = more.transaction;
    backfill = more.backfill;

    async up(runner: QueryRunner): Promise<void> {
      for (const statement of statements) await runner.query(statement);
    }

    async down(): Promise<void> {}
  };

export const testMigrations = [
  migration('Baseline1', ['CREATE TABLE slot (id integer)']),
  migration('AddCapacity2', ['ALTER TABLE slot ADD COLUMN capacity integer', 'CREATE TABLE other (id integer)']),
  migration('IndexCapacity3', ['CREATE INDEX CONCURRENTLY IF NOT EXISTS slot_capacity ON slot (capacity)'], {
    transaction: false,
  }),
  migration('DropOther4', ['DROP TABLE other'], { phase: 'contract' }),
];

export interface FleetProject {
  id: string;
  slug: string;
}

/** Writes clusters, projects and what a worker would write of a rollout, straight into the control database. */
export class FleetRows {
  constructor(private readonly plane: ControlPlane) {}

  async aCluster(name: string, region: string | null = null): Promise<Cluster> {
    const limits = { maxProjects: 100, maxConnections: 100, reservedConnections: 40 };
    const cluster = await new ClusterRepository(this.plane.dataSource).ensure({
      ...{ name, host: '127.0.0.1', port: 5432 },
      ...limits,
    });
    await this.query('UPDATE cluster SET region = $2 WHERE id = $1', [cluster.id, region]);
    return cluster;
  }

  /** A project with a tenant database, which exists on paper only. */
  async aProject(
    cluster: { id: string },
    { schema = 1, state = 'active', labels = {} }: { schema?: number; state?: string; labels?: object } = {},
  ): Promise<FleetProject> {
    const [id, database, slug] = [uuidv7(), uuidv7(), aSlug()];
    await this.query(
      `INSERT INTO project (id, slug, name, fhir_version, state, labels, created_by)
       VALUES ($1, $2, 'Quay', '4.0.1', $3, $4, 'test')`,
      [id, slug, state, JSON.stringify(labels)],
    );
    await this.query(
      `INSERT INTO tenant_database (id, cluster_id, database_name, role_name, password_sealed, schema_version, state, project_id)
       VALUES ($1, $2, $3, $3, '\\x', $4, 'claimed', $5)`,
      [database, cluster.id, `fp_${randomBytes(8).toString('hex')}`, schema, id],
    );
    await this.query('INSERT INTO placement (project_id, tenant_database_id, generation) VALUES ($1, $2, 1)', [
      id,
      database,
    ]);
    return { id, slug };
  }

  async aWave(rollout: string, position: number, selector: object | null, state: string): Promise<void> {
    await this.query(
      `INSERT INTO rollout_wave (rollout_id, position, selector, state, started_at) VALUES ($1, $2, $3, $4, now())`,
      [rollout, position, JSON.stringify(selector), state],
    );
  }

  async member(rollout: string, project: FleetProject, columns: Record<string, unknown>): Promise<void> {
    const row = { rollout_id: rollout, project_id: project.id, wave: 0, from_version: 1, ...columns };
    const names = Object.keys(row);
    await this.query(
      `INSERT INTO rollout_project (${names.join(', ')}, cluster_id)
       VALUES (${names.map((_, index) => `$${index + 1}`).join(', ')},
               (SELECT cluster_id FROM tenant_database WHERE project_id = $2))`,
      Object.values(row),
    );
  }

  async setMember(rollout: string, project: FleetProject, state: string): Promise<void> {
    await this.query(
      `UPDATE rollout_project SET state = $3, finished_at = now(), attempts = 1 WHERE rollout_id = $1 AND project_id = $2`,
      [rollout, project.id, state],
    );
  }

  async setRollout(rollout: string, state: string, reason: object | null = null): Promise<void> {
    await this.query('UPDATE rollout SET state = $2, reason = $3 WHERE id = $1', [
      rollout,
      state,
      reason === null ? null : JSON.stringify(reason),
    ]);
  }

  query<Row>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.plane.dataSource.query<Row[]>(text, values);
  }
}
