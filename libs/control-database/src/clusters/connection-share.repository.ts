import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { ClusterId } from '../ids.js';

/** The channel of the control database on which replicas tell each other that shares have changed; a replica's name. */
export const CONNECTION_SHARE_CHANNEL = 'boxyard_connection_share';

/**
 * How the connections to the clusters are divided among the running data planes. There is no leader: each replica takes
 * its own share, and the database keeps the sum within each cluster's budget.
 */
export class ConnectionShareRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Says that the replica is alive and how many connections it has open to each cluster, forgets replicas that were not
   * seen for `deadAfterMs`, and gives this one's share of every cluster. A share is an equal part of `max_connections -
   * reserved_connections` among those alive, at most what the others have left free, and never less than 1.
   */
  async take(
    replica: string,
    open: Readonly<Record<ClusterId, number>>,
    deadAfterMs: number,
  ): Promise<Map<ClusterId, number>> {
    const rows = await runStatement<{ cluster: ClusterId; share: number }>(
      this.dataSource,
      undefined,
      `SELECT cluster, share FROM take_connection_shares($1, $2, $3 * interval '1 ms')`,
      [replica, JSON.stringify(open), deadAfterMs],
    );
    return new Map(rows.map(({ cluster, share }) => [cluster, share]));
  }

  /** Gives all shares of the replica back and tells the others. */
  async giveBack(replica: string): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `WITH gone AS (DELETE FROM connection_share WHERE replica = $1 RETURNING 1)
       SELECT pg_notify('${CONNECTION_SHARE_CHANNEL}', $1) FROM (SELECT count(*) FROM gone) AS done`,
      [replica],
    );
  }
}
