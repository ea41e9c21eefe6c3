import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { TENANT_SCHEMA_VERSION, tenantGrantStatements } from '#migrations/tenant';
import { sql } from '#postgres';
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
export async function bareTenant(environment: BenchEnvironment, admin: pg.Pool, template: string): Promise<void> {
  const database = randomName();
  const role = randomName();
  await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD '${randomBytes(32).toString('hex')}'`);
  await admin.query(`CREATE DATABASE ${database} TEMPLATE ${template} STRATEGY WAL_LOG`);
  await admin.query(
    `REVOKE CONNECT ON DATABASE ${database} FROM PUBLIC; GRANT CONNECT ON DATABASE ${database} TO ${role}`,
  );
  const inside = new pg.Client({ connectionString: environment.urlOf(database) });
  await inside.connect();
  await inside.query(tenantGrantStatements(role, TENANT_SCHEMA_VERSION).join('; '));
  await inside.end();
}

const randomName = (): string => `bare_${randomBytes(8).toString('hex')}`;
