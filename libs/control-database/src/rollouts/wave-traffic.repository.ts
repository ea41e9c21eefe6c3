import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import { latencySums } from './latency-sums.sql.js';
import { isBusy, isUnjudged } from './rollout-projects.sql.js';

/** What all data planes served the projects of a wave that are to be judged, in a stretch of time. */
export interface WaveTraffic {
  readonly requests: number;
  readonly serverErrors: number;
  /** Counts by the buckets of #platform's latency histogram. */
  readonly latency: number[];
}

/** A migrated project that can be asked whether it answers. */
export interface SmokeCandidate {
  readonly projectId: string;
  readonly slug: string;
  readonly fhirVersion: string;
  readonly clusterId: string;
}

/** What tells whether the projects of a wave are well. */
export class WaveTrafficRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * The traffic of the projects that the wave has migrated and that are to be judged, from `from` until `until`. Traffic is
   * counted in slots of ten seconds; a slot belongs to the stretch when its middle does.
   */
  async sum(rolloutId: string, wave: number, from: Date, until: Date): Promise<WaveTraffic> {
    const [traffic] = await runStatement<WaveTraffic>(this.dataSource, undefined, sumStatement, [
      ...[rolloutId, wave, from, until],
    ]);
    return traffic!;
  }

  /** What was kept of the same projects' traffic when the wave began. */
  async sumBefore(rolloutId: string, wave: number): Promise<WaveTraffic> {
    const [traffic] = await runStatement<WaveTraffic>(this.dataSource, undefined, sumBeforeStatement, [
      ...[rolloutId, wave],
    ]);
    return traffic!;
  }

  /** Some projects of those that are in service, a sample that stays the same. */
  async smokeCandidates(rolloutId: string, wave: number, limit: number): Promise<SmokeCandidate[]> {
    return runStatement<SmokeCandidate>(
      this.dataSource,
      undefined,
      `SELECT project.id AS project_id, project.slug, project.fhir_version, p.cluster_id
         FROM rollout_project p JOIN project ON project.id = p.project_id
        WHERE p.rollout_id = $1 AND p.wave = $2 AND ${isUnjudged} AND project.state = 'active'
        ORDER BY hashtext(project.id::text), project.id LIMIT $3`,
      [rolloutId, wave, limit],
    );
  }

  /** Which of these projects are still in service, and no operation works on them. */
  async listInService(projectIds: readonly string[]): Promise<string[]> {
    const rows = await runStatement<{ id: string }>(
      this.dataSource,
      undefined,
      `SELECT p.id FROM project p WHERE p.id = ANY ($1::uuid[]) AND p.state = 'active' AND NOT ${isBusy}`,
      [projectIds],
    );
    return rows.map(({ id }) => id);
  }
}

/** The rows `t` of what was counted for the projects `p` of the wave that are to be judged. */
const sumOf = (counted: string): string => `
SELECT coalesce(sum(t.requests), 0)::float8 AS requests, coalesce(sum(t.server_errors), 0)::float8 AS server_errors,
       ${latencySums('t')}::float8[] AS latency
  FROM rollout_project p JOIN ${counted}
 WHERE p.rollout_id = $1 AND p.wave = $2 AND ${isUnjudged}`;

const sumStatement = sumOf(`project_traffic t ON t.project_id = p.project_id
   AND t.since >= $3::timestamptz - interval '5 s' AND t.since < $4::timestamptz - interval '5 s'`);

const sumBeforeStatement = sumOf('rollout_traffic t ON t.rollout_id = p.rollout_id AND t.project_id = p.project_id');
