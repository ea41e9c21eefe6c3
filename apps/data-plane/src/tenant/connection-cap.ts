import type { ClusterRepository } from '#control-database';
import { connectOnce, sql } from '#postgres';

/** Connections that stay for others on a server whose cluster is not registered yet. */
const RESERVED_CONNECTIONS = 40;

/**
 * How many connections to one cluster this process may hold: what the smallest registered cluster leaves. Before the
 * first cluster is registered, what the server of the control database leaves, since it becomes that cluster.
 */
export async function connectionCap(clusters: Pick<ClusterRepository, 'list'>, databaseUrl: string): Promise<number> {
  const registered = await clusters.list();
  if (registered.length === 0) return withoutReserve(await maxConnectionsOf(databaseUrl));
  return Math.min(
    ...registered.map(({ maxConnections, reservedConnections }) => Math.max(1, maxConnections - reservedConnections)),
  );
}

function withoutReserve(maxConnections: number): number {
  return maxConnections - Math.min(RESERVED_CONNECTIONS, Math.floor(maxConnections / 4));
}

async function maxConnectionsOf(url: string): Promise<number> {
  const connection = await connectOnce(url);
  try {
    const [row] = await connection.query<{ setting: string }>(
      sql`SELECT current_setting('max_connections') AS setting`,
    );
    return Number(row?.setting);
  } finally {
    await connection.close();
  }
}
