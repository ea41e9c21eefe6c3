import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { ProjectId } from '../ids.js';

/** How long slots are kept at least: three times as long as a rollout watches the health of a wave at most. */
const trafficKeptMs = 60 * 60_000;

/** How old a slot may be to be there for sure; clocks may differ a little. */
export const trafficSurelyKeptMs = trafficKeptMs - 60_000;

/**
 * After so long all is written of the slots that lie in a stretch with their middles: a slot ends five seconds after its
 * middle, and data planes write every five seconds.
 */
export const trafficWrittenAfterMs = 10_000;

/** What one data plane has served one project in one slot of time so far. */
export interface ServedTraffic {
  readonly projectId: ProjectId;
  /** When the slot began. */
  readonly since: Date;
  readonly requests: number;
  readonly serverErrors: number;
  /** How many requests took how long: one count per bucket of #platform's latency histogram, the one above all last. */
  readonly latency: readonly number[];
}

/** What data planes serve each project, in slots of time: what the health gate of a rollout looks at. */
export class ProjectTrafficRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes what `replica` has served, in place of what it wrote for the same project and slot before: the counts are those
   * of the whole slot, so that a repetition counts nothing twice.
   */
  async record(replica: string, served: readonly ServedTraffic[]): Promise<void> {
    await runStatement(this.dataSource, undefined, recordStatement, [
      replica,
      served.map(({ projectId }) => projectId),
      served.map(({ since }) => since.toISOString()),
      served.map(({ requests }) => requests),
      served.map(({ serverErrors }) => serverErrors),
      // Arrays of arrays would be flattened, so each travels as the text of one.
      served.map(({ latency }) => `{${latency.join(',')}}`),
    ]);
  }

  /** Forgets slots that began longer than `trafficKeptMs` before `now`, and what was kept for rollouts that have ended. */
  async deleteForgotten(now: Date): Promise<void> {
    await runStatement(this.dataSource, undefined, 'DELETE FROM project_traffic WHERE since < $1', [
      new Date(now.getTime() - trafficKeptMs),
    ]);
    await runStatement(
      this.dataSource,
      undefined,
      `DELETE FROM rollout_traffic t USING rollout r
        WHERE r.id = t.rollout_id AND r.state IN ('aborted', 'succeeded')`,
    );
  }
}

const recordStatement = `
INSERT INTO project_traffic (project_id, since, replica, requests, server_errors, latency)
SELECT served.project_id, served.since, $1, served.requests, served.server_errors, served.latency::integer[]
  FROM unnest($2::uuid[], $3::timestamptz[], $4::integer[], $5::integer[], $6::text[])
    AS served (project_id, since, requests, server_errors, latency)
ON CONFLICT (since, project_id, replica) DO UPDATE
  SET requests = EXCLUDED.requests, server_errors = EXCLUDED.server_errors, latency = EXCLUDED.latency`;
