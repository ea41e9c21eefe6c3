import type { Cluster, TenantDatabase } from '#control-database';
import { tenantGrantStatements } from '#migrations/tenant';
import { DomainError } from '#platform';
import {
  compiledSql,
  type Connection,
  ddlBlock,
  ensureDatabase,
  ensureLoginRole,
  identifier,
  sql,
  type Sql,
} from '#postgres';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { ownershipComment } from './names.js';

/**
 * Makes a tenant database: role, database, and the rights of the one on the other. Each part looks before it acts, so
 * what an earlier run left is kept. There are two walls around the data: only this role may connect, and only this role
 * has rights on the tables.
 *
 * The last commit waits for the disk, and with it everything before it is there; those before it need not wait.
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
  await ensureLoginRole(admin, roleName, password, limitsOf(roleName, comment));
  await assertOwnOrFree(admin, databaseName, comment);
  await ensureDatabase(admin, databaseName, { template, comment });
  await admin.query(openOnlyTo(databaseName, roleName));
  await admins.inDatabase(cluster, databaseName, (inDatabase) =>
    inDatabase.query(grantTables(roleName, schemaVersion)),
  );
}

/**
 * What the role is for, and limits that PostgreSQL itself keeps behind those of the data plane: a statement of an
 * interactive request, a transaction that its owner forgot, and connections, of which the brokers of ten replicas take
 * four each. A job that needs longer says so in its own transaction.
 */
function limitsOf(role: string, comment: string): Sql[] {
  const name = identifier(role);
  return [
    doNotWaitForDisk,
    sql`ALTER ROLE ${name} CONNECTION LIMIT 40`,
    sql`ALTER ROLE ${name} SET statement_timeout = '10s'`,
    sql`ALTER ROLE ${name} SET idle_in_transaction_session_timeout = '15s'`,
    // Measured: for a search that reads one row of a million the planner expects thousands, and starting parallel
    // workers (or compiling the statement) takes 40 ms of the 1 ms that it needs.
    sql`ALTER ROLE ${name} SET max_parallel_workers_per_gather = 0`,
    sql`ALTER ROLE ${name} SET jit = off`,
    // Neither our names nor our comments hold a quote.
    compiledSql({ text: `COMMENT ON ROLE "${role}" IS '${comment}'`, values: [] }),
  ];
}

const doNotWaitForDisk = sql`SET LOCAL synchronous_commit = off`;

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

function openOnlyTo(database: string, role: string): Sql {
  const name = identifier(database);
  return ddlBlock([
    doNotWaitForDisk,
    sql`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    sql`GRANT CONNECT ON DATABASE ${name} TO ${identifier(role)}`,
  ]);
}

function grantTables(role: string, schemaVersion: number): Sql {
  return ddlBlock(tenantGrantStatements(`"${role}"`, schemaVersion).map((text) => compiledSql({ text, values: [] })));
}
