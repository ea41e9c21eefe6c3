import { sql, type Connection } from '#postgres';
import { sealAudit } from './audit.sql.js';

/**
 * What a tenant database needs soon after it was written to: seals over new audit rows, and statistics that fit tables
 * which have grown (see refresh_statistics in the tenant migrations). Takes well under a millisecond when there is
 * nothing to do; several processes may do it at the same time.
 */
export async function upkeep(connection: Connection): Promise<void> {
  await Promise.all([sealAudit(connection), connection.query(sql`SELECT refresh_statistics()`)]);
}
