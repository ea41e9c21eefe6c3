import { DataSource } from 'typeorm';
import { TENANT_SCHEMA_VERSION, tenantMigrations } from '#migrations/tenant';
import type { Cluster } from '#control-database';
import { compiledSql, type Connection, dropDatabase, identifier, revokePublicConnect, sql } from '#postgres';
import type { ClusterAdmins } from './cluster-admins.js';
import { withLock } from './advisory-lock.js';

/** The database that every tenant database of this release is copied from. */
export const templateName = `boxyard_template_${TENANT_SCHEMA_VERSION}`;

/**
 * Makes sure that the cluster has the template of this release. One worker builds it while others wait; what a worker
 * left that died in the middle is thrown away, because only a finished template is marked as one: the mark and the
 * refusal of connections are set by one last statement.
 */
export async function ensureTemplate(admins: ClusterAdmins, cluster: Cluster): Promise<void> {
  await admins.use(cluster, (admin) =>
    withLock(admin, `template ${templateName}`, async () => {
      if (await isFinished(admin)) return;
      await dropDatabase(admin, templateName);
      await createEmpty(admin);
      await revokePublicConnect(admin, templateName);
      await migrate(admins.urlOf(cluster, templateName).href);
      await admins.inDatabase(cluster, templateName, compact);
      await admin.query(sql`ALTER DATABASE ${identifier(templateName)} WITH ALLOW_CONNECTIONS false IS_TEMPLATE true`);
    }),
  );
}

async function isFinished(admin: Connection): Promise<boolean> {
  const [row] = await admin.query<{ finished: boolean }>(
    sql`SELECT datistemplate AND NOT datallowconn AS finished FROM pg_database WHERE datname = ${templateName}`,
  );
  return row?.finished ?? false;
}

/**
 * From template0, so that nothing that somebody put into template1 gets into tenants; with the built-in locale, whose
 * order does not change with the operating system's libraries, so that no index is ever broken by an upgrade of those.
 */
async function createEmpty(admin: Connection): Promise<void> {
  await admin.query(sql`CREATE DATABASE ${identifier(templateName)} TEMPLATE template0 STRATEGY WAL_LOG
    ENCODING 'UTF8' LOCALE_PROVIDER builtin BUILTIN_LOCALE 'C.UTF-8'`);
}

async function migrate(url: string): Promise<void> {
  const dataSource = await new DataSource({
    type: 'postgres',
    url,
    applicationName: 'boxyard template',
    poolSize: 1,
    migrations: tenantMigrations,
    migrationsTableName: 'tenant_migration',
    migrationsTransactionMode: 'each',
    logging: false,
  }).initialize();
  try {
    await dataSource.runMigrations();
  } finally {
    await dataSource.destroy();
  }
}

/** Every copy has the size of the template: without dead catalog rows it is 1 MiB smaller, and frozen rows stay frozen. */
async function compact(inTemplate: Connection): Promise<void> {
  await inTemplate.query(compiledSql({ text: 'VACUUM (FULL, FREEZE, ANALYZE)', values: [] }));
}
