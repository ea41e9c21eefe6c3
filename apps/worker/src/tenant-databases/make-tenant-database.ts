import type { Cluster, TenantDatabase } from '#control-database';
import { tenantGrantStatements } from '#migrations/tenant';
import { DomainError } from '#platform';
import {
  commentOnDatabase,
  compiledSql,
  type Connection,
  createDatabase,
  databaseComment,
  ddlBlock,
  ensureLoginRole,
  identifier,
  type OwnedConnection,
  sql,
  type Sql,
} from '#postgres';
import type { ClusterAdmins } from '../clusters/cluster-admins.js';
import { ownershipComment } from './names.js';

/**
 * Makes a tenant database: role, database, and the rights of the one on the other. Each part looks before it acts, so
 * what an earlier run left is kept. There are two walls around the data: only this role may connect, and only this role
 * has rights on the tables. Gives the connection on which that was done, which the caller closes: it acts as the role from
 * now on, and so shows what the role may do.
 *
 * The last commit waits for the disk, and with it everything before it is there; those before it need not wait.
 */
export async function makeTenantDatabase(
  admin: Connection,
  admins: ClusterAdmins,
  cluster: Cluster,
  database: TenantDatabase,
  { password, template }: { readonly password: string; readonly template: string },
): Promise<OwnedConnection> {
  const { databaseName, roleName, schemaVersion } = database;
  const comment = ownershipComment(database.clusterId, database.id);
  await ensureLoginRole(admin, roleName, password, limitsOf(roleName, comment));
  const existing = await databaseComment(admin, databaseName);
  if (existing === undefined) await createDatabase(admin, databaseName, template);
  // One without any comment is one whose making ended between its creation and its marking.
  else if (existing !== null && existing !== comment) throw nameTaken(databaseName);
  const inDatabase = await admins.openDatabase(cluster, databaseName);
  try {
    await Promise.all([
      inDatabase.query(openOnlyTo(roleName, databaseName, comment, schemaVersion)),
      inDatabase.query(sql`SET ROLE ${identifier(roleName)}`),
    ]);
    return inDatabase;
  } catch (error) {
    await inDatabase.close();
    throw error;
  }
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

/** What is said on the cluster of the database, who may connect to it, and what they may do there. */
function openOnlyTo(role: string, database: string, comment: string, schemaVersion: number): Sql {
  const name = identifier(database);
  return ddlBlock([
    commentOnDatabase(database, comment),
    sql`REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    sql`GRANT CONNECT ON DATABASE ${name} TO ${identifier(role)}`,
    ...tenantGrantStatements(`"${role}"`, schemaVersion).map((text) => compiledSql({ text, values: [] })),
  ]);
}

function nameTaken(database: string): DomainError {
  return new DomainError(
    'conflict',
    'database-name-taken',
    `A database of the recorded name exists on the cluster and is marked as something else: ${database}.`,
  );
}
