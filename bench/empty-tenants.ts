import { randomUUID } from 'node:crypto';
import pg from 'pg';
import { tenantMigrations } from '#migrations/tenant';
import { templateOf } from './bare-provisioning.js';
import type { BenchEnvironment } from './environment.js';

const PARALLEL = 4;

/**
 * Adds so many active projects that nobody will ever call: a database from the template each, and the rows that make it a
 * project's, with the login of the first real project. Gives the names of their databases.
 */
export async function emptyTenants(environment: BenchEnvironment, count: number): Promise<string[]> {
  const admin = new pg.Pool({ connectionString: environment.platform.databaseUrl, max: PARALLEL });
  const template = await templateOf(environment);
  const names = Array.from({ length: count }, (_, index) => `bench_tenant_${index}`);
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let name = names[next++]; name !== undefined; name = names[next++]) {
      await admin.query(`CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY WAL_LOG`);
      await admin.query(rowsOfProject, [
        randomUUID(),
        name.replaceAll('_', '-'),
        randomUUID(),
        name,
        tenantMigrations.length,
      ]);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, lane));
  await admin.end();
  return names;
}

const rowsOfProject = `
WITH model AS (SELECT * FROM tenant_database WHERE state = 'claimed' ORDER BY created_at LIMIT 1),
  project AS (
    INSERT INTO project (id, slug, name, fhir_version, state, created_by)
    VALUES ($1::uuid, $2, $2, '4.0.1', 'active', 'bench') RETURNING id),
  database AS (
    INSERT INTO tenant_database
      (id, cluster_id, database_name, role_name, password_sealed, data_key_id, schema_version, state, project_id)
    SELECT $3::uuid, model.cluster_id, $4, $4, model.password_sealed, model.data_key_id, $5::integer, 'claimed', $1::uuid
      FROM model, project RETURNING id)
INSERT INTO placement (project_id, tenant_database_id, generation) SELECT $1::uuid, database.id, 1 FROM database`;
