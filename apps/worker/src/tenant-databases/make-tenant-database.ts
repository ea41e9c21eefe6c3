import type { Cluster, TenantDatabase } from '#control-database';
import { tenantGrantStatements } from '#migrations/tenant';
import { DomainError } from '#platform';
import {
  compiledSql,
  type Connection,
  ensureDatabase,
  ensureLoginRole,
  identifier,
  revokePublicConnect,
  sql,
} from '#postgres';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { ownershipComment } from './names.js';

/**
 * Makes a tenant database: role, database, and the rights of the one on the other. Each part looks before it acts, so
 * what an earlier run left is kept. There are two walls around the data: only this role may connect, and only this role
 * has rights on the tables.
 *
 * The last commit waits for the disk, and with it everything before it is there; the others need not wait.
 */
export async function makeTenantDatabase(
  admin: Connection,
  admins: ClusterAdmins,
  cluster: Cluster,
  database: TenantDatabase,
  { password, template }: { readonly password: string; readonly template: string },
): Promise<void> {
  const { databaseName, roleName, schemaVersion } = database;
  const comment = ownershipComment(database.clusterId, database.id);
  await admin.transaction((within) => makeRole(within, roleName, password, comment));
  await assertOwnOrFree(admin, databaseName, comment);
  await ensureDatabase(admin, databaseName, { template, comment });
  await admin.transaction((within) => openOnlyTo(within, databaseName, roleName));
  await admins.inDatabase(cluster, databaseName, (inDatabase) => grantTables(inDatabase, roleName, schemaVersion));
}

/**
 * The role, with limits that PostgreSQL itself keeps behind those of the data plane: a statement of an interactive
 * request, a transaction that its owner forgot, and connections, of which the brokers of ten replicas take four each. A
 * job that needs longer says so in its own transaction.
 */
async function makeRole(admin: Connection, role: string, password: string, comment: string): Promise<void> {
  await Promise.all([doNotWaitForDisk(admin), ensureLoginRole(admin, role, password)]);
  const name = identifier(role);
  // Statements that are not waited for one by one share a round trip. Neither our names nor our comments hold a quote.
  await Promise.all([
    admin.query(sql`ALTER ROLE ${name} CONNECTION LIMIT 40`),
    admin.query(sql`ALTER ROLE ${name} SET statement_timeout = '10s'`),
    admin.query(sql`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '15s'`),
    // Measured: for a search that reads one row of a million the planner expects thousands, and starting parallel
    // workers (or compiling the statement) takes 40 ms of the 1 ms that it needs.
    admin.query(sql`ALTER ROLE ${name} SET max_parallel_workers_per_gather = 0`),
    admin.query(sql`ALTER ROLE ${name} SET jit = off`),
    admin.query(compiledSql({ text: `COMMENT ON ROLE "${role}" IS '${comment}'`, values: [] })),
  ]);
}

async function doNotWaitForDisk(within: Connection): Promise<void> {
  await within.query(sql`SET LOCAL synchronous_commit = off`);
}

/** A database of this name without any comment is one whose making ended between its creation and its marking. */
async function assertOwnOrFree(admin: Connection, database: string, comment: string): Promise<void> {
  const [existing] = await admin.query<{ comment: string | null }>(
    sql`SELECT shobj_description(oid, 'pg_database') AS comment FROM pg_database WHERE datname = ${database}`,
  );
  if (existing === undefined || existing.comment === null || existing.comment === comment) return;
  throw new DomainError(
    'conflict',
    'database-name-taken',
    `A database of the recorded name exists on the cluster and is marked as something else: ${database}.`,
  );
}

async function openOnlyTo(admin: Connection, database: string, role: string): Promise<void> {
  await Promise.all([
    doNotWaitForDisk(admin),
    revokePublicConnect(admin, database),
    admin.query(sql`GRANT CONNECT ON DATABASE ${identifier(database)} TO ${identifier(role)}`),
  ]);
}

async function grantTables(inDatabase: Connection, role: string, schemaVersion: number): Promise<void> {
  const grants = tenantGrantStatements(`"${role}"`, schemaVersion);
  await inDatabase.transaction((within) =>
    Promise.all(grants.map((text) => within.query(compiledSql({ text, values: [] })))),
  );
}
