import { randomBytes, randomUUID } from 'node:crypto';
import pg from 'pg';
import { fhirVersion } from '#fhir';
import { tokenHasher } from '#fhir-search';
import { seedProject, tenantDatabase } from '#fhir-store';
import { TENANT_SCHEMA_VERSION, tenantGrantStatements } from '#migrations/tenant';
import { connectOnce, sql } from '#postgres';
import type { BenchEnvironment } from './environment.js';

/** The name of the cluster's template of tenant databases. */
export async function templateOf({ control }: BenchEnvironment): Promise<string> {
  const [row] = await control.query<{ datname: string }>(sql`
    SELECT datname FROM pg_database WHERE datname LIKE 'boxyard_template_%' ORDER BY datname DESC LIMIT 1`);
  if (row === undefined) throw new Error('the cluster has no template database');
  return row.datname;
}

/** How long one bare `CREATE DATABASE … TEMPLATE` takes, in ms. The floor's databases stay until the run ends. */
export async function bareDatabase(admin: pg.Client | pg.Pool, template: string): Promise<number> {
  const started = performance.now();
  await admin.query(`CREATE DATABASE ${randomName()} TEMPLATE ${template} STRATEGY WAL_LOG`);
  return performance.now() - started;
}

/** One bare tenant: database, login role, CONNECT for it alone, and the table grants of a tenant role. */
export async function bareTenant(environment: BenchEnvironment, admin: pg.Pool, template: string): Promise<BareTenant> {
  const tenant = { database: randomName(), role: randomName(), password: randomBytes(32).toString('hex') };
  const { database, role, password } = tenant;
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${password}'`);
  await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY WAL_LOG`);
  await admin.query(
    `REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${database} TO ${role}`,
  );
  const inside = new pg.Client({ connectionString: environment.urlOf(database) });
  await inside.connect();
  await inside.query(tenantGrantStatements(role, TENANT_SCHEMA_VERSION).join('; '));
  await inside.end();
  return tenant;
}

/**
 * A bare tenant with what makes it a project: the first resources, written over one connection of its own role. Whoever
 * takes the order, records it, hands out the secret and answers the first request comes on top of it.
 */
export async function bareProject(environment: BenchEnvironment, admin: pg.Pool, template: string): Promise<void> {
  const { database, role, password } = await bareTenant(environment, admin, template);
  const { hostname, port } = new URL(environment.urlOf(database));
  const connection = await connectOnce({ host: hostname, port: Number(port), database, user: role, password });
  const tenant = tenantDatabase({
    projectId: randomUUID(),
    version: fhirVersion('4.0.1'),
    hasher: tokenHasher(randomBytes(32)),
    cursorKey: randomBytes(32),
    schemaVersion: TENANT_SCHEMA_VERSION,
    use: (work) => work(connection),
  });
  const adminClient = { clientId: randomUUID(), secretSha256: randomBytes(32).toString('hex') };
  await seedProject(tenant, { project: { id: tenant.projectId, name: database }, adminClient }, 'bench');
  await connection.close();
}

interface BareTenant {
  readonly database: string;
  readonly role: string;
  readonly password: string;
}

const randomName = (): string => `bare_${randomBytes(8).toString('hex')}`;
