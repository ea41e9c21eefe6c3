import type { DataSource } from 'typeorm';
import { DomainError } from '#platform';
import { isUniqueViolation } from '#postgres';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ProjectId, RolloutId } from '../ids.js';
import type { RolloutPlan, RolloutState } from './rollout-plan.js';
import type { RolloutReason } from './rollout-work.repository.js';

/** A rollout as its operators see it; the lease under which a worker drives it is not part of it. */
export interface RequestedRollout {
  readonly id: RolloutId;
  readonly targetVersion: number;
  readonly state: RolloutState;
  readonly reason: RolloutReason | null;
  readonly plan: RolloutPlan;
  readonly wave: number;
  readonly createdBy: string;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
}

export interface NewRollout {
  readonly id: RolloutId;
  readonly targetVersion: number;
  readonly plan: RolloutPlan;
  readonly createdBy: string;
}

/** A change of state that an operator asks for. */
export interface RolloutMove {
  readonly from: readonly RolloutState[];
  readonly to: RolloutState;
  readonly reason?: RolloutReason;
}

/** Projects of a rollout that were put into another state, and the named ones that are none of its projects. */
export interface ChangedProjects {
  readonly changed: readonly ProjectId[];
  readonly unknown: readonly ProjectId[];
  /** Whether a worker has taken the rollout up and written down its projects. */
  readonly isBegun: boolean;
}

/**
 * What operators ask of rollouts. Each change is one statement that looks at the state it starts from, so that of an
 * operator and a worker who meet one comes first; the workers hear of it by the database's notification.
 */
export class RolloutRequestRepository {
  constructor(private readonly dataSource: DataSource) {}

  async insert(
    { id, targetVersion, plan, createdBy }: NewRollout,
    transaction: Transaction,
  ): Promise<RequestedRollout> {
    const [created] = await runStatement<RequestedRollout>(
      this.dataSource,
      transaction,
      `INSERT INTO rollout (id, target_version, plan, created_by) VALUES ($1, $2, $3, $4) RETURNING ${columns}`,
      [id, targetVersion, JSON.stringify(plan), createdBy],
    );
    return created!;
  }

  /** The rollout, or a `not-found` error. */
  async get(id: RolloutId, transaction?: Transaction): Promise<RequestedRollout> {
    return this.read(id, '', transaction);
  }

  /** The rollout with its row locked until the end of the transaction, or a `not-found` error. */
  getForUpdate(id: RolloutId, transaction: Transaction): Promise<RequestedRollout> {
    return this.read(id, 'FOR UPDATE', transaction);
  }

  /** The newest first; only those before `before`, when it is given. */
  list({
    state,
    before,
    limit,
  }: {
    state?: RolloutState;
    before?: RolloutId;
    limit: number;
  }): Promise<RequestedRollout[]> {
    return runStatement<RequestedRollout>(
      this.dataSource,
      undefined,
      `SELECT ${columns} FROM rollout
        WHERE ($1::text IS NULL OR state = $1) AND ($2::text IS NULL OR id < $2) ORDER BY id DESC LIMIT $3`,
      [state ?? null, before ?? null, limit],
    );
  }

  /** The rollout that runs or is paused. */
  async findCurrent(transaction?: Transaction): Promise<RequestedRollout | undefined> {
    const [current] = await runStatement<RequestedRollout>(
      this.dataSource,
      transaction,
      `SELECT ${columns} FROM rollout WHERE state IN ('running', 'paused')`,
    );
    return current;
  }

  /**
   * Moves the rollout on when it is in one of the states that the move starts from, and gives it as it is then; undefined
   * when it is in another. Its first start and its end are stamped. A second one that would run beside another is refused
   * with `rollout-in-progress`.
   */
  async move(
    id: RolloutId,
    { from, to, reason }: RolloutMove,
    transaction: Transaction,
  ): Promise<RequestedRollout | undefined> {
    try {
      const [moved] = await runStatement<RequestedRollout>(
        this.dataSource,
        transaction,
        `UPDATE rollout SET state = $3, reason = $4,
                started_at = CASE WHEN $3 = 'running' THEN coalesce(started_at, now()) ELSE started_at END,
                finished_at = CASE WHEN $3 = 'aborted' THEN now() END
          WHERE id = $1 AND state = ANY($2) RETURNING ${columns}`,
        [id, from, to, reason === undefined ? null : JSON.stringify(reason)],
      );
      return moved;
    } catch (error) {
      if (isUniqueViolation(error, 'rollout_one_at_a_time')) throw rolloutInProgress(undefined);
      throw error;
    }
  }

  /**
   * The projects of the rollout with these ids or slugs, also deleted ones; a slug means the one that has it now, if any.
   * Names that none of them has are left out.
   */
  async findProjects(id: RolloutId, names: readonly string[]): Promise<Map<string, ProjectId>> {
    const rows = await runStatement<{ name: string; id: ProjectId }>(
      this.dataSource,
      undefined,
      `SELECT DISTINCT ON (asked.name) asked.name, p.id FROM unnest($2::text[]) AS asked (name)
         JOIN project p ON p.slug = lower(asked.name) OR p.id::text = lower(asked.name)
         JOIN rollout_project rp ON rp.project_id = p.id AND rp.rollout_id = $1
        ORDER BY asked.name, p.state = 'deleted', p.deleted_at DESC`,
      [id, names],
    );
    return new Map(rows.map(({ name, id: projectId }) => [name, projectId]));
  }

  /**
   * Puts failed projects (all, or those given) and failed backfills back to the beginning, and wakes the worker. They are
   * through before the failures of the others count again. The rollout must be locked by `getForUpdate` in the same transaction.
   */
  async retry(
    id: RolloutId,
    projects: readonly ProjectId[] | undefined,
    transaction: Transaction,
  ): Promise<ChangedProjects> {
    const [row] = await runStatement<ChangedProjects>(this.dataSource, transaction, retryStatement, [
      id,
      projects ?? null,
    ]);
    await this.announce(id, transaction);
    return row!;
  }

  /**
   * Leaves pending and failed projects out, and of those that are done the backfills that have failed: these stay failed,
   * and the next rollout takes them up. No other project is changed. The rollout must be locked by `getForUpdate` in the
   * same transaction.
   */
  async skip(
    id: RolloutId,
    projects: readonly ProjectId[],
    reason: string,
    transaction: Transaction,
  ): Promise<ChangedProjects & { readonly refused: readonly ProjectId[] }> {
    const [row] = await runStatement<ChangedProjects & { refused: ProjectId[] }>(
      this.dataSource,
      transaction,
      skipStatement,
      [id, projects, reason],
    );
    await this.announce(id, transaction);
    return row!;
  }

  private async read(id: RolloutId, locked: string, transaction?: Transaction): Promise<RequestedRollout> {
    const [rollout] = await runStatement<RequestedRollout>(
      this.dataSource,
      transaction,
      `SELECT ${columns} FROM rollout WHERE id = $1 ${locked}`,
      [id],
    );
    if (rollout !== undefined) return rollout;
    throw new DomainError('not-found', 'rollout-not-found', `There is no rollout ${id}.`);
  }

  /** Naming the column is enough for the trigger, which tells the workers that there is something to do again. */
  private async announce(id: RolloutId, transaction: Transaction): Promise<void> {
    await runStatement(this.dataSource, transaction, 'UPDATE rollout SET reason = reason WHERE id = $1', [id]);
  }
}

/** The refusal to start a rollout beside another one; its details name that one, when it is known. */
export function rolloutInProgress(current: Pick<RequestedRollout, 'id' | 'state'> | undefined): DomainError {
  return new DomainError(
    'conflict',
    'rollout-in-progress',
    current === undefined
      ? 'Another rollout was started at the same moment. One at a time can run.'
      : `Rollout ${current.id} is ${current.state}. Only one at a time can run: let it end, or abort it.`,
    current === undefined ? {} : { details: { rollout: current.id } },
  );
}

const columns = 'id, target_version, state, reason, plan, wave, created_by, created_at, started_at, finished_at';

/** Of the projects $2 those that the rollout $1 does not have, and whether it has any yet. */
const unknownProjects = `(SELECT coalesce(json_agg(asked.id), '[]') FROM unnest($2::uuid[]) AS asked (id)
    WHERE NOT EXISTS (SELECT FROM rollout_project o WHERE o.rollout_id = $1 AND o.project_id = asked.id)) AS unknown,
  EXISTS (SELECT FROM rollout_wave w WHERE w.rollout_id = $1) AS is_begun`;

const retryStatement = `
WITH again AS (
    UPDATE rollout_project SET backfill = CASE WHEN backfill = 'failed' THEN 'pending' ELSE backfill END,
           state = CASE WHEN state = 'failed' THEN 'pending' ELSE state END,
           started_at = CASE WHEN state <> 'failed' THEN started_at END,
           finished_at = CASE WHEN state <> 'failed' THEN finished_at END,
           duration_ms = CASE WHEN state <> 'failed' THEN duration_ms END,
           attempts = CASE WHEN state <> 'failed' THEN attempts ELSE 0 END, error = NULL,
           error_fingerprint = NULL, due_at = NULL, waits_for = NULL, retried = true
     WHERE rollout_id = $1 AND (state = 'failed' OR state = 'done' AND backfill = 'failed' AND skip_reason IS NULL)
       AND ($2::uuid[] IS NULL OR project_id = ANY($2))
    RETURNING project_id)
SELECT (SELECT coalesce(json_agg(project_id ORDER BY project_id), '[]') FROM again) AS changed, ${unknownProjects}`;

/** What is done stays done; only its failed backfills are left out. */
const isSkippable = `(state IN ('pending', 'failed') OR state = 'done' AND backfill = 'failed' AND skip_reason IS NULL)`;

const skipStatement = `
WITH skipped AS (
    UPDATE rollout_project SET state = CASE WHEN state = 'done' THEN state ELSE 'skipped' END, skip_reason = $3,
           finished_at = CASE WHEN state = 'done' THEN finished_at ELSE now() END, due_at = NULL, waits_for = NULL,
           retried = false, error = CASE WHEN state = 'done' THEN error END,
           error_fingerprint = CASE WHEN state = 'done' THEN error_fingerprint END
     WHERE rollout_id = $1 AND project_id = ANY($2::uuid[]) AND ${isSkippable}
    RETURNING project_id)
SELECT (SELECT coalesce(json_agg(project_id ORDER BY project_id), '[]') FROM skipped) AS changed,
       (SELECT coalesce(json_agg(project_id ORDER BY project_id), '[]') FROM rollout_project
         WHERE rollout_id = $1 AND project_id = ANY($2::uuid[]) AND (state = 'running' OR state = 'done' AND backfill <> 'failed')) AS refused,
       ${unknownProjects}`;
