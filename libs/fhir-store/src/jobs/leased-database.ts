import type { Connection } from '#postgres';
import { tenantDatabase, type TenantDatabase } from '../tenant-database.js';
import type { JobLease } from './job.js';
import { assertLease, holdLease } from './jobs.sql.js';

/**
 * The tenant's database for whoever carries out a job: it throws LeaseLost at everything once the lease is over. A
 * transaction that writes holds the job's row, so that nobody takes the job over while it may still commit; what is a
 * single statement is sent after the lease was looked at. `assertMayGoOn` is asked first each time, and throws what is to
 * end the work.
 */
export function leasedDatabase(tenant: TenantDatabase, lease: JobLease, assertMayGoOn: () => void): TenantDatabase {
  const use = async <T>(work: (connection: Connection) => Promise<T>): Promise<T> => {
    assertMayGoOn();
    return tenant.use(async (connection) => {
      await assertLease(connection, lease);
      return work(fenced(connection, lease));
    });
  };
  return tenantDatabase({
    ...tenant,
    get schemaVersion() {
      return tenant.schemaVersion;
    },
    use,
    // The lease is a statement of its own, and a connection that others use too is not for two.
    share: use,
  });
}

const fenced = (connection: Connection, lease: JobLease): Connection => ({
  query: (statement) => connection.query(statement),
  transaction: (work, options) =>
    connection.transaction(async (transaction) => {
      if (options?.readOnly !== true) await holdLease(transaction, lease);
      return work(transaction);
    }, options),
});
