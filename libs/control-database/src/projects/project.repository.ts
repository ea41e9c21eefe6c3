import type { DataSource } from 'typeorm';
import { DomainError } from '#platform';
import { isUniqueViolation } from '#postgres';
import { columnsOf, runStatement, splitRow } from '../connection/statements.js';
import { inTransaction, type Transaction } from '../connection/transactions.js';
import { isUuid, type ClusterId, type DataKeyId, type ProjectId } from '../ids.js';
import { leaseLost } from '../operations/lease-lost.js';
import { operationColumns } from '../operations/operation-columns.js';
import type { NewOperation } from '../operations/operation.repository.js';
import type { Operation } from '../operations/operation.entity.js';
import type { NewSealedSecret } from '../secrets/sealed-secret.repository.js';
import type { NewSigningKey } from '../secrets/signing-key.repository.js';
import { projectColumns } from './project-columns.js';
import {
  directoryStatement,
  slugKept,
  toDirectoryPage,
  type DirectoryPage,
  type DirectoryRow,
} from './project-directory.js';
import type { MaintenanceWindow } from '../rollouts/rollout-plan.js';
import type { MaintenanceMode, Project, ProjectLabels, ProjectState } from './project.entity.js';
import { projectListStatement, type ProjectFilter } from './project-list.js';
import type { SchemaPin } from './schema-pin.js';

/** A project, the cluster it is placed on and the schema of its database there, both null until it is placed. */
export interface PlacedProject extends Project {
  clusterId: ClusterId | null;
  schemaVersion: number | null;
}

/** What an operator may change of a project. */
export interface ProjectChange {
  slug?: string;
  name: string;
  labels: ProjectLabels;
  schemaPin: SchemaPin | null;
  maintenanceWindow: MaintenanceWindow | null;
}

export interface NewProject {
  id: ProjectId;
  slug: string;
  name: string;
  fhirVersion: string;
  labels?: ProjectLabels;
  createdBy: string;
}

export interface NewBaseUrl {
  kind: 'slug' | 'domain';
  /** The slug, or the whole host. */
  name: string;
}

export interface NewProvisioning {
  project: NewProject;
  baseUrl: NewBaseUrl;
  operation: Omit<NewOperation, 'projectId'>;
  sealedSecrets?: readonly Omit<NewSealedSecret, 'operationId'>[];
}

/** The lease under which a worker changes a project. */
export interface Fenced {
  fence: string;
}

/** Projects with their base URLs. Every change stamps the row and is announced, by triggers of the database. */
export class ProjectRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Writes a project in state `provisioning`, its base URL (reserved, not active), the operation that builds it and the
   * secrets to be claimed: all of it or nothing, by one statement. A slug in use is refused with `slug-taken`.
   */
  async createProvisioning(
    { project, baseUrl, operation, sealedSecrets = [] }: NewProvisioning,
    transaction?: Transaction,
  ): Promise<{ project: PlacedProject; operation: Operation }> {
    const { id, slug, name, fhirVersion, labels = {}, createdBy } = project;
    try {
      const [row] = await runStatement(this.dataSource, transaction, provisioningStatement, [
        ...[id, slug, name, fhirVersion, JSON.stringify(labels), createdBy],
        ...[baseUrl.kind, baseUrl.name],
        ...[operation.id, operation.kind, JSON.stringify(operation.params), operation.createdBy],
        sealedSecrets.map((secret) => secret.id),
        sealedSecrets.map((secret) => secret.kind),
        sealedSecrets.map((secret) => secret.sealed),
        sealedSecrets.map((secret) => secret.claimableBy),
        sealedSecrets.map((secret) => secret.expiresAt),
      ]);
      return {
        project: { ...splitRow<Project>(row!, 'project'), clusterId: null, schemaVersion: null },
        operation: splitRow<Operation>(row!, 'operation'),
      };
    } catch (error) {
      if (isUniqueViolation(error, 'project_slug') || isUniqueViolation(error, 'base_url_name_key')) {
        throw slugTaken(slug);
      }
      throw error;
    }
  }

  /** The project, also a deleted one, or a `not-found` error. */
  async get(id: ProjectId, transaction?: Transaction): Promise<PlacedProject> {
    const [project] = isUuid(id) ? await this.select('p.id = $1', [id], transaction) : [];
    if (project === undefined) throw notFound(id);
    return project;
  }

  /** The project with this id, or the one that has this slug now. */
  async find(idOrSlug: string): Promise<PlacedProject | undefined> {
    // Ids begin with a digit for the next centuries and slugs with a letter, so one text never means both.
    if (isUuid(idOrSlug) && /^[0-9]/.test(idOrSlug)) return (await this.select('p.id = $1', [idOrSlug]))[0];
    if (!/^[a-z0-9-]{1,63}$/.test(idOrSlug)) return undefined;
    return (await this.select(`p.slug = $1 AND p.state <> 'deleted'`, [idOrSlug]))[0];
  }

  /** The project with its row locked until the end of the transaction, or a `not-found` error. */
  async getForUpdate(id: ProjectId, transaction: Transaction): Promise<PlacedProject> {
    const [locked] = await runStatement(this.dataSource, transaction, 'SELECT FROM project WHERE id = $1 FOR UPDATE', [
      id,
    ]);
    if (locked === undefined) throw notFound(id);
    return this.get(id, transaction);
  }

  /** Projects in the order in which they were made. Deleted ones only when their state is asked for. */
  list(filter: ProjectFilter): Promise<PlacedProject[]> {
    const { text, values } = projectListStatement(`${selectPlaced} `, filter);
    return runStatement<PlacedProject>(this.dataSource, undefined, text, values);
  }

  /** Whether a new project could take the slug now. */
  async isSlugFree(slug: string): Promise<boolean> {
    const taken = await runStatement(
      this.dataSource,
      undefined,
      `SELECT 1 AS taken FROM base_url WHERE name = $1 AND (free_after IS NULL OR free_after > now())
       UNION ALL SELECT 1 FROM project WHERE slug = $1 AND state <> 'deleted'`,
      [slug],
    );
    return taken.length === 0;
  }

  /**
   * Writes what an operator may change. Another slug is the project's canonical base URL from the commit on; the former
   * one goes on serving it for 90 days and is free after that, and a project may go back to a former slug of its own.
   * Refused with `slug-taken` when somebody else has the slug. A rollout for which the project waits for its maintenance
   * window looks at it anew. The row must be locked by `getForUpdate` in the same transaction.
   */
  async update(
    id: ProjectId,
    { slug, name, labels, schemaPin, maintenanceWindow }: ProjectChange,
    transaction: Transaction,
  ): Promise<PlacedProject> {
    if (slug !== undefined) await this.giveSlug(id, slug, transaction);
    await runStatement(
      this.dataSource,
      transaction,
      `WITH woken AS (
         UPDATE rollout_project p SET due_at = NULL, waits_for = NULL FROM rollout r
          WHERE p.project_id = $1 AND p.waits_for = 'window' AND r.id = p.rollout_id AND r.state IN ('running', 'paused'))
       UPDATE project SET slug = coalesce($4, slug), name = $2, labels = $3, schema_pin = $5, schema_pin_until = $6,
              schema_pin_reason = $7, maintenance_window = $8, revision = revision + 1, updated_at = now()
        WHERE id = $1`,
      [
        ...[id, name, JSON.stringify(labels), slug ?? null],
        ...[schemaPin?.version ?? null, schemaPin?.until ?? null, schemaPin?.reason ?? null],
        maintenanceWindow === null ? null : JSON.stringify(maintenanceWindow),
      ],
    );
    return this.get(id, transaction);
  }

  /**
   * Soft-deletes: from the commit on no data plane serves the project. The earlier state is kept for an undelete. The
   * row must be locked by `getForUpdate` in the same transaction.
   */
  async markDeleting(id: ProjectId, purgeAfter: Date, transaction: Transaction): Promise<PlacedProject> {
    await runStatement(
      this.dataSource,
      transaction,
      `UPDATE project SET previous_state = CASE WHEN state = 'deleting' THEN previous_state ELSE state END,
              state = 'deleting', reason = NULL, purge_after = $2, revision = revision + 1, updated_at = now()
        WHERE id = $1`,
      [id, purgeAfter],
    );
    return this.get(id, transaction);
  }

  /**
   * Changes the state on behalf of a worker that holds a lease for the project; `lease-lost` when it does not. What is
   * served in state `maintenance` is said by `maintenanceMode`, nothing by default.
   */
  async setState(
    id: ProjectId,
    state: ProjectState,
    { fence, reason, maintenanceMode }: Fenced & { reason?: string; maintenanceMode?: MaintenanceMode },
    transaction?: Transaction,
  ): Promise<void> {
    const assignments = 'state = $3, reason = $4, maintenance_mode = $5';
    await this.changeFenced(id, fence, assignments, [state, reason ?? null, maintenanceMode ?? null], transaction);
  }

  /**
   * Has a project that could not be made be made again: what a first attempt has left of it is gone, its key included. The
   * caller holds the lock of its row and has seen that it is `failed`.
   */
  async provisionAgain(id: ProjectId, transaction: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `UPDATE project SET state = 'provisioning', reason = NULL, data_key_id = NULL, revision = revision + 1, updated_at = now()
        WHERE id = $1`,
      [id],
    );
  }

  /** Makes the key the project's own. */
  async setDataKey(id: ProjectId, dataKeyId: DataKeyId, { fence }: Fenced, transaction?: Transaction): Promise<void> {
    await this.changeFenced(id, fence, 'data_key_id = $3', [dataKeyId], transaction);
  }

  /**
   * Puts a finished project into service: state `active`, its reserved base URLs answer, and tokens are signed with
   * `signingKey` unless the project has a signing key already.
   */
  async activate(
    id: ProjectId,
    { fence, signingKey }: Fenced & { signingKey?: NewSigningKey },
    transaction?: Transaction,
  ): Promise<void> {
    const changed = await runStatement(
      this.dataSource,
      transaction,
      `WITH held AS (${heldLease}), key AS (
         INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state)
         SELECT $3::text, $1, $4::jsonb, $5::bytea, 'signing' FROM held WHERE $3::text IS NOT NULL
         ON CONFLICT (project_id) WHERE state = 'signing' DO NOTHING),
       named AS (
         UPDATE base_url SET active = true FROM held WHERE project_id = $1 AND NOT active AND free_after IS NULL)
       UPDATE project SET state = 'active', reason = NULL, revision = revision + 1, updated_at = now()
         FROM held WHERE project.id = $1 RETURNING project.id`,
      [
        ...[id, fence, signingKey?.kid ?? null],
        ...[signingKey === undefined ? null : JSON.stringify(signingKey.publicJwk), signingKey?.privateSealed ?? null],
      ],
    );
    if (changed.length === 0) throw leaseLost(`project ${id}`);
  }

  /**
   * Ends a project whose database is gone: what stays is a tombstone (id, slug, dates). Names at which it has answered stay
   * blocked until `namesFreeAfter`, or for as long as they are blocked already; the name of a project that never came into
   * service is free at once. The data key must be shredded by the caller, best in the same transaction.
   */
  async markDeleted(
    id: ProjectId,
    { fence, namesFreeAfter }: Fenced & { namesFreeAfter: Date },
    transaction?: Transaction,
  ): Promise<void> {
    await inTransaction(this.dataSource, transaction, async (within) => {
      await this.changeFenced(
        id,
        fence,
        `state = 'deleted', deleted_at = coalesce(deleted_at, now()), reason = NULL, labels = '{}', purge_after = NULL`,
        [],
        within,
      );
      await runStatement(this.dataSource, within, 'DELETE FROM signing_key WHERE project_id = $1', [id]);
      await runStatement(this.dataSource, within, 'DELETE FROM placement WHERE project_id = $1', [id]);
      await runStatement(
        this.dataSource,
        within,
        `UPDATE base_url SET active = false, canonical = false, free_after = CASE WHEN active THEN $2 ELSE greatest(free_after, now()) END
          WHERE project_id = $1`,
        [id, namesFreeAfter],
      );
    });
  }

  /** Soft-deleted projects whose time has come and that no operation works on, the most overdue first. */
  async listPurgeDue(limit: number): Promise<ProjectId[]> {
    const rows = await runStatement<{ id: ProjectId }>(
      this.dataSource,
      undefined,
      `SELECT p.id FROM project p WHERE p.state = 'deleting' AND p.purge_after <= now()
          AND NOT EXISTS (SELECT FROM operation o WHERE o.project_id = p.id AND o.state IN ('queued', 'running'))
        ORDER BY p.purge_after LIMIT $1`,
      [limit],
    );
    return rows.map(({ id }) => id);
  }

  /** Whether the project is soft-deleted and its time has come, with its row locked until the end of the transaction. */
  async isPurgeDueForUpdate(id: ProjectId, transaction: Transaction): Promise<boolean> {
    const due = await runStatement(
      this.dataSource,
      transaction,
      `SELECT FROM project WHERE id = $1 AND state = 'deleting' AND purge_after <= now() FOR UPDATE`,
      [id],
    );
    return due.length > 0;
  }

  /** Every project that is not deleted, for a data plane that starts. */
  listDirectory(): Promise<DirectoryPage> {
    return this.readDirectory(null);
  }

  /** The projects changed since the page with this mark was read, those deleted since included. May repeat some. */
  listDirectoryChangedSince(mark: string): Promise<DirectoryPage> {
    return this.readDirectory(mark);
  }

  private async readDirectory(mark: string | null): Promise<DirectoryPage> {
    return toDirectoryPage(await runStatement<DirectoryRow>(this.dataSource, undefined, directoryStatement, [mark]));
  }

  private select(condition: string, values: readonly unknown[], transaction?: Transaction): Promise<PlacedProject[]> {
    return runStatement<PlacedProject>(this.dataSource, transaction, `${selectPlaced} WHERE ${condition}`, values);
  }

  private async giveSlug(id: ProjectId, slug: string, transaction: Transaction): Promise<void> {
    const run = (text: string, values: unknown[]) => runStatement(this.dataSource, transaction, text, values);
    await run('DELETE FROM base_url WHERE name = $1 AND free_after <= now()', [slug]);
    await run(
      `UPDATE base_url SET canonical = false, free_after = now() + ${slugKept}
        WHERE project_id = $1 AND kind = 'slug' AND canonical`,
      [id],
    );
    const named = await run(
      `INSERT INTO base_url AS b (project_id, kind, name, canonical, active) VALUES ($1, 'slug', $2, true, true)
       ON CONFLICT (name) DO UPDATE SET canonical = true, active = true, free_after = NULL
        WHERE b.project_id = $1 AND b.kind = 'slug' RETURNING id`,
      [id, slug],
    );
    if (named.length === 0) throw slugTaken(slug);
  }

  /** The lease is locked with the change, so that no other worker can claim the operation before it is committed. */
  private async changeFenced(
    id: ProjectId,
    fence: string,
    assignments: string,
    values: readonly unknown[],
    transaction: Transaction | undefined,
  ): Promise<void> {
    const changed = await runStatement(
      this.dataSource,
      transaction,
      `WITH held AS (${heldLease})
       UPDATE project SET ${assignments}, revision = revision + 1, updated_at = now()
         FROM held WHERE project.id = $1 RETURNING project.id`,
      [id, fence, ...values],
    );
    if (changed.length === 0) throw leaseLost(`project ${id}`);
  }
}

/** Locks the operation that the project ($1) is busy with against a new claim, if the caller (fence $2) holds it. */
const heldLease = `SELECT id FROM operation WHERE project_id = $1 AND fence = $2 AND state = 'running' FOR SHARE`;

/** The name is freed, if its time is over, before it is taken: that it is read here makes it come first. */
const provisioningStatement = `
WITH freed AS (DELETE FROM base_url WHERE name = $8 AND free_after <= now() RETURNING name),
  created AS (
    INSERT INTO project (id, slug, name, fhir_version, state, labels, created_by)
    SELECT $1, $2, $3, $4, 'provisioning', $5, $6 FROM (SELECT count(*) FROM freed) AS done RETURNING *),
  named AS (INSERT INTO base_url (project_id, kind, name, canonical) SELECT id, $7, $8, true FROM created),
  queued AS (
    INSERT INTO operation (id, kind, project_id, params, created_by) SELECT $9, $10, id, $11, $12 FROM created
    RETURNING *),
  sealed AS (
    INSERT INTO sealed_secret (id, operation_id, kind, sealed, claimable_by, expires_at)
    SELECT s.id, queued.id, s.kind, s.sealed, s.claimable_by, s.expires_at
      FROM queued, unnest($13::uuid[], $14::text[], $15::bytea[], $16::text[], $17::timestamptz[])
        AS s (id, kind, sealed, claimable_by, expires_at))
SELECT ${columnsOf('created', projectColumns, 'project')}, ${columnsOf('queued', operationColumns, 'operation')}
  FROM created, queued`;

const selectPlaced = `SELECT ${projectColumns.map((column) => `p.${column}`).join(', ')}, t.cluster_id, t.schema_version
  FROM project p
  LEFT JOIN placement pl ON pl.project_id = p.id
  LEFT JOIN tenant_database t ON t.id = pl.tenant_database_id`;

function slugTaken(slug: string): DomainError {
  return new DomainError('conflict', 'slug-taken', `The slug "${slug}" is taken. Choose another one.`);
}

function notFound(id: string): DomainError {
  return new DomainError('not-found', 'project-not-found', `There is no project ${id}.`);
}
