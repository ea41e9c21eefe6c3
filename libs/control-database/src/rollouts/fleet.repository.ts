import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ProjectId } from '../ids.js';
import type { AdmissionFacts } from './admission.js';
import type { WaveCandidate } from './plan-waves.js';

/** A project with all that a rollout's plan asks of it: which wave takes it, and whether it may be worked on. */
export interface RolloutCandidate extends WaveCandidate, AdmissionFacts {
  readonly slug: string;
}

/** How many tenant databases have a schema, as the control database knows it. */
interface SchemaCount {
  readonly version: number;
  /** In use by projects. */
  readonly projects: number;
  /** Ready for projects to come. */
  readonly spares: number;
}

export interface FleetVersions {
  /** The schema with which databases are born; null before the first worker has said so. */
  readonly target: number | null;
  /** The lowest first. */
  readonly versions: readonly SchemaCount[];
}

/** What was found in one tenant database. */
export interface SchemaCheck {
  readonly projectId: ProjectId;
  readonly slug: string;
  readonly requestedAt: Date;
  readonly checkedAt: Date | null;
  readonly schemaVersion: number | null;
  readonly fingerprint: string | null;
  readonly differences: readonly string[];
  readonly error: string | null;
}

/** How far the last check of the fleet is. */
export interface SchemaCheckSummary {
  /** When somebody asked for it last; null when nobody ever did. */
  readonly requestedAt: Date | null;
  readonly checkedAt: Date | null;
  readonly pending: number;
  readonly same: number;
  readonly drifted: number;
  readonly failed: number;
}

/** A look that somebody has asked for. */
export interface DueCheck {
  readonly projectId: ProjectId;
  readonly requestedAt: Date;
}

/** What a worker has seen when it looked. */
export type SchemaFinding =
  | { readonly schemaVersion: number; readonly fingerprint: string; readonly differences: readonly string[] }
  | { readonly error: string };

/** Which schema each tenant database has: centrally, and by looking. */
export class FleetRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Counts the databases by schema, in one statement over the control database alone. */
  async countVersions(): Promise<FleetVersions> {
    const [row] = await runStatement<FleetVersions>(this.dataSource, undefined, versionsStatement);
    return row!;
  }

  /** Every project that has a tenant database in use, by id. */
  listCandidates(transaction?: Transaction): Promise<RolloutCandidate[]> {
    return runStatement<RolloutCandidate>(this.dataSource, transaction, candidatesStatement);
  }

  /** The ids of the projects with these ids or slugs; names that no project has are left out. */
  async findIds(names: readonly string[]): Promise<Map<string, ProjectId>> {
    const rows = await runStatement<{ name: string; id: ProjectId }>(
      this.dataSource,
      undefined,
      `SELECT asked.name, p.id FROM unnest($1::text[]) AS asked (name)
         JOIN project p ON p.state <> 'deleted' AND (p.slug = lower(asked.name) OR p.id::text = lower(asked.name))`,
      [names],
    );
    return new Map(rows.map(({ name, id }) => [name, id]));
  }

  /** Asks for a look into the database of every project, or of these. Gives how many are to be looked into. */
  async requestChecks(projects: readonly ProjectId[] | undefined, transaction: Transaction): Promise<number> {
    const rows = await runStatement(
      this.dataSource,
      transaction,
      `INSERT INTO schema_check (project_id, requested_at)
       SELECT p.id, now() FROM ${inUse} AND ($1::uuid[] IS NULL OR p.id = ANY($1))
       ON CONFLICT (project_id) DO UPDATE SET requested_at = EXCLUDED.requested_at
       RETURNING project_id`,
      [projects ?? null],
    );
    return rows.length;
  }

  /** Projects whose look is due, those that have waited longest first. */
  listDueChecks(limit: number): Promise<DueCheck[]> {
    return runStatement<DueCheck>(
      this.dataSource,
      undefined,
      `SELECT s.project_id, s.requested_at FROM schema_check s
        WHERE ${isDue} AND EXISTS (SELECT FROM ${inUse} AND p.id = s.project_id)
        ORDER BY s.requested_at, s.project_id LIMIT $1`,
      [limit],
    );
  }

  /** Writes down what a worker found. When somebody has asked again since, the project stays due and nothing is written. */
  async recordCheck({ projectId, requestedAt }: DueCheck, finding: SchemaFinding): Promise<void> {
    const { schemaVersion, fingerprint, differences, error } = { ...nothingFound, ...finding };
    await runStatement(
      this.dataSource,
      undefined,
      `UPDATE schema_check
          SET checked_at = now(), schema_version = $3, fingerprint = $4, differences = $5, error = $6
        WHERE project_id = $1 AND requested_at = $2`,
      [projectId, requestedAt, schemaVersion, fingerprint, differences, error],
    );
  }

  /** Sums up the checks of projects that have a tenant database in use: of those that `listDueChecks` would give. */
  async summariseChecks(): Promise<SchemaCheckSummary> {
    const [row] = await runStatement<SchemaCheckSummary>(
      this.dataSource,
      undefined,
      `SELECT max(s.requested_at) AS requested_at, max(s.checked_at) AS checked_at,
              count(*) FILTER (WHERE ${isDue})::int AS pending,
              count(*) FILTER (WHERE NOT ${isDue} AND s.error IS NULL AND s.differences = '{}')::int AS same,
              count(*) FILTER (WHERE NOT ${isDue} AND s.differences <> '{}')::int AS drifted,
              count(*) FILTER (WHERE NOT ${isDue} AND s.error IS NOT NULL)::int AS failed
         FROM ${checked}`,
    );
    return row!;
  }

  /** Databases that are not as they should be, or that nobody could look into, by project. */
  listDrift({ after, limit }: { after?: ProjectId; limit: number }): Promise<SchemaCheck[]> {
    return runStatement<SchemaCheck>(
      this.dataSource,
      undefined,
      `SELECT s.*, p.slug FROM ${checked}
          AND NOT ${isDue} AND (s.differences <> '{}' OR s.error IS NOT NULL) AND ($1::uuid IS NULL OR p.id > $1)
        ORDER BY p.id LIMIT $2`,
      [after ?? null, limit],
    );
  }
}

const nothingFound = { schemaVersion: null, fingerprint: null, differences: [] as readonly string[], error: null };

const inUse = `project p JOIN placement pl ON pl.project_id = p.id
  JOIN tenant_database t ON t.id = pl.tenant_database_id AND t.state = 'claimed'
 WHERE p.state <> 'deleted'`;

const checked = `schema_check s, ${inUse} AND p.id = s.project_id`;

const isDue = `(s.checked_at IS NULL OR s.checked_at < s.requested_at)`;

const versionsStatement = `
SELECT (SELECT target_version FROM fleet) AS target,
       (SELECT coalesce(json_agg(v ORDER BY v.version), '[]') FROM (
          SELECT t.schema_version AS version,
                 count(*) FILTER (WHERE t.state = 'claimed')::int AS projects,
                 count(*) FILTER (WHERE t.state = 'spare')::int AS spares
            FROM tenant_database t LEFT JOIN project p ON p.id = t.project_id
           WHERE t.state IN ('claimed', 'spare') AND p.state IS DISTINCT FROM 'deleted'
           GROUP BY t.schema_version) v) AS versions`;

const candidatesStatement = `
SELECT p.id AS project_id, p.slug, p.state, p.labels, p.schema_pin, p.schema_pin_until, p.schema_pin_reason,
       p.maintenance_window, t.cluster_id, c.name AS cluster_name, c.region, t.schema_version,
       EXISTS (SELECT FROM operation o WHERE o.project_id = p.id AND o.state IN ('queued', 'running')) AS is_busy
  FROM project p JOIN placement pl ON pl.project_id = p.id
  JOIN tenant_database t ON t.id = pl.tenant_database_id AND t.state = 'claimed'
  JOIN cluster c ON c.id = t.cluster_id
 WHERE p.state <> 'deleted' ORDER BY p.id`;
