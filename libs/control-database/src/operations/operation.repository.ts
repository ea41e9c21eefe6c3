import type { DataSource } from 'typeorm';
import { DomainError } from '#platform';
import { columnsOf, runStatement, splitRow, withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { OperationId, ProjectId } from '../ids.js';
import { projectColumns } from '../projects/project-columns.js';
import type { Project } from '../projects/project.entity.js';
import { leaseLost } from './lease-lost.js';
import { operationColumns, stepColumns } from './operation-columns.js';
import { OperationStep, type OperationStepState } from './operation-step.entity.js';
import { Operation, type OperationError } from './operation.entity.js';

export interface NewOperation {
  id: OperationId;
  kind: string;
  /** Null when it is about no project. */
  projectId: ProjectId | null;
  params: object;
  createdBy: string;
}

/** An operation as its worker gets it: with the project it is about, as that was at the claim. */
export interface ClaimedOperation extends Operation {
  project: Project | null;
}

export interface OperationWithSteps {
  operation: Operation;
  steps: OperationStep[];
}

/**
 * The recorded long-running jobs. A worker claims one and gets a fencing number with it; every later write of that
 * worker names the number and is refused with `lease-lost` when another worker has claimed the operation since.
 */
export class OperationRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Queues an operation. A project has at most one unfinished operation: a second one is refused with
   * `operation-in-progress`, whose details name the first.
   */
  async create(operation: NewOperation, transaction?: Transaction): Promise<Operation> {
    const [created] = await runStatement<Operation>(
      this.dataSource,
      transaction,
      `INSERT INTO operation (id, kind, project_id, params, created_by) VALUES ($1, $2, $3, $4, $5)
       ON CONFLICT (project_id) WHERE state IN ('queued', 'running') DO NOTHING RETURNING *`,
      [operation.id, operation.kind, operation.projectId, JSON.stringify(operation.params), operation.createdBy],
    );
    if (created !== undefined) return created;
    // Only a project can have been the reason.
    const projectId = operation.projectId!;
    throw operationInProgress(projectId, await this.findUnfinished(projectId, transaction));
  }

  /** The operation, or a `not-found` error. */
  async get(id: OperationId): Promise<Operation> {
    const operation = await this.find(id);
    if (operation === undefined) throw notFound(id);
    return operation;
  }

  /** The operation with its steps in their order, both of one moment, or a `not-found` error. */
  async getWithSteps(id: OperationId): Promise<OperationWithSteps> {
    const rows = await runStatement<{ 'step.name': string | null }>(
      this.dataSource,
      undefined,
      `SELECT ${columnsOf('o', operationColumns, 'operation')}, ${columnsOf('s', stepColumns, 'step')}
         FROM operation o LEFT JOIN operation_step s ON s.operation_id = o.id WHERE o.id = $1 ORDER BY s.position`,
      [id],
    );
    const [first] = rows;
    if (first === undefined) throw notFound(id);
    const steps = rows.flatMap((row) => (row['step.name'] === null ? [] : [splitRow<OperationStep>(row, 'step')]));
    return { operation: splitRow<Operation>(first, 'operation'), steps };
  }

  async find(id: OperationId): Promise<Operation | undefined> {
    const operation = await withManager(this.dataSource, undefined, (manager) => manager.findOneBy(Operation, { id }));
    return operation ?? undefined;
  }

  /** The operation that a project is queued for or busy with. */
  async findUnfinished(projectId: ProjectId, transaction?: Transaction): Promise<Operation | undefined> {
    const [operation] = await runStatement<Operation>(
      this.dataSource,
      transaction,
      `SELECT * FROM operation WHERE project_id = $1 AND state IN ('queued', 'running')`,
      [projectId],
    );
    return operation;
  }

  /** Throws `operation-in-progress` when the project is queued for an operation or busy with one. */
  async assertNoneUnfinished(projectId: ProjectId, transaction?: Transaction): Promise<void> {
    const unfinished = await this.findUnfinished(projectId, transaction);
    if (unfinished !== undefined) throw operationInProgress(projectId, unfinished);
  }

  /** The parameters of the latest operation of this kind on the project, whatever has become of it. */
  async findParams(projectId: ProjectId, kind: string): Promise<Operation['params'] | undefined> {
    const [operation] = await runStatement<Pick<Operation, 'params'>>(
      this.dataSource,
      undefined,
      'SELECT params FROM operation WHERE project_id = $1 AND kind = $2 ORDER BY created_at DESC LIMIT 1',
      [projectId, kind],
    );
    return operation?.params;
  }

  /** The parameters of the latest operation of this kind on the project that has succeeded. */
  async findSucceededParams(
    projectId: ProjectId,
    kind: string,
    transaction?: Transaction,
  ): Promise<Operation['params'] | undefined> {
    const [operation] = await runStatement<Pick<Operation, 'params'>>(
      this.dataSource,
      transaction,
      `SELECT params FROM operation WHERE project_id = $1 AND kind = $2 AND state = 'succeeded'
        ORDER BY finished_at DESC LIMIT 1`,
      [projectId, kind],
    );
    return operation?.params;
  }

  /** The steps in their order. */
  listSteps(operationId: OperationId): Promise<OperationStep[]> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.find(OperationStep, { where: { operationId }, order: { position: 'ASC' } }),
    );
  }

  /**
   * Takes an operation that is due (queued and not waiting for its next attempt, or left by a worker whose lease has
   * run out) for `leaseMs`, under a new fencing number. Gives it with the row of its project, and writes down, as
   * `pending`, the steps that `stepsByKind` names for its kind and that are not recorded yet. Undefined when there is
   * nothing to take.
   */
  async claim(
    id: OperationId,
    workerId: string,
    leaseMs: number,
    stepsByKind: Readonly<Record<string, readonly string[]>> = {},
  ): Promise<ClaimedOperation | undefined> {
    const [row] = await runStatement<{ 'project.id': ProjectId | null }>(
      this.dataSource,
      undefined,
      `WITH claimed AS (
         UPDATE operation SET state = 'running', lease_owner = $2, lease_expires_at = now() + $3 * interval '1 ms',
                fence = nextval('operation_fence'), attempt = attempt + 1, started_at = coalesce(started_at, now()),
                next_attempt_at = NULL
          WHERE id = $1 AND ${due} RETURNING *),
       planned AS (
         INSERT INTO operation_step (operation_id, position, name, state)
         SELECT claimed.id, step.position, step.name, 'pending'
           FROM claimed, jsonb_array_elements_text($4::jsonb -> claimed.kind) WITH ORDINALITY AS step (name, position)
         ON CONFLICT (operation_id, name) DO NOTHING)
       SELECT ${columnsOf('claimed', operationColumns, 'operation')}, ${columnsOf('p', projectColumns, 'project')}
         FROM claimed LEFT JOIN project p ON p.id = claimed.project_id`,
      [id, workerId, leaseMs, JSON.stringify(stepsByKind)],
    );
    if (row === undefined) return undefined;
    const project = row['project.id'] === null ? null : splitRow<Project>(row, 'project');
    return { ...splitRow<Operation>(row, 'operation'), project };
  }

  /** Keeps the lease for another `leaseMs` from now. */
  async renewLease(id: OperationId, fence: string, leaseMs: number): Promise<void> {
    const renewed = await runStatement(
      this.dataSource,
      undefined,
      `UPDATE operation SET lease_expires_at = now() + $3 * interval '1 ms'
        WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING id`,
      [id, fence, leaseMs],
    );
    if (renewed.length === 0) throw leaseLost(`operation ${id}`);
  }

  /**
   * Throws `lease-lost` unless the operation runs under this fencing number. For writes elsewhere than in the control
   * database: asked after a lock was taken there that every later holder of the lease takes too, it keeps an earlier one
   * from writing behind them.
   */
  async assertLease(id: OperationId, fence: string): Promise<void> {
    const held = await runStatement(
      this.dataSource,
      undefined,
      `SELECT id FROM operation WHERE id = $1 AND fence = $2 AND state = 'running'`,
      [id, fence],
    );
    if (held.length === 0) throw leaseLost(`operation ${id}`);
  }

  /**
   * Records the state of a step, adding it behind the others when it was not planned. A step that is recorded as done
   * without having been recorded as running counts from the end of the step before it. `error` is shown to operators.
   */
  async recordStep(
    id: OperationId,
    fence: string,
    name: string,
    state: OperationStepState,
    error?: string,
    transaction?: Transaction,
  ): Promise<void> {
    const recorded = await runStatement(this.dataSource, transaction, `WITH ${stepRecord} SELECT id FROM recorded`, [
      id,
      fence,
      name,
      state,
      error ?? null,
    ]);
    if (recorded.length === 0) throw leaseLost(`operation ${id}`);
  }

  /** Records the operation's last step as done and ends the operation, and its lease, as succeeded. */
  async succeedWith(id: OperationId, fence: string, lastStep: string, transaction?: Transaction): Promise<void> {
    const finished = await runStatement(
      this.dataSource,
      transaction,
      `WITH ${stepRecord}
       UPDATE operation SET state = 'succeeded', error = NULL, finished_at = clock_timestamp(), lease_owner = NULL,
              lease_expires_at = NULL, next_attempt_at = NULL
         FROM recorded WHERE operation.id = recorded.id RETURNING operation.id`,
      [id, fence, lastStep, 'done', null],
    );
    if (finished.length === 0) throw leaseLost(`operation ${id}`);
  }

  /** Ends the operation and its lease. */
  async finish(
    id: OperationId,
    fence: string,
    state: 'succeeded' | 'failed' | 'cancelled',
    error?: OperationError,
    transaction?: Transaction,
  ): Promise<void> {
    const finished = await runStatement(
      this.dataSource,
      transaction,
      `UPDATE operation SET state = $3, error = $4, finished_at = clock_timestamp(), lease_owner = NULL,
              lease_expires_at = NULL, next_attempt_at = NULL
        WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING id`,
      [id, fence, state, error === undefined ? null : JSON.stringify(error)],
    );
    if (finished.length === 0) throw leaseLost(`operation ${id}`);
  }

  /** Gives the operation back to the queue after a failed attempt; it is due again in `delayMs`. */
  async retryLater(id: OperationId, fence: string, delayMs: number, error: OperationError): Promise<void> {
    const queued = await runStatement(
      this.dataSource,
      undefined,
      `UPDATE operation SET state = 'queued', error = $4, lease_owner = NULL, lease_expires_at = NULL,
              next_attempt_at = now() + $3 * interval '1 ms'
        WHERE id = $1 AND fence = $2 AND state = 'running' RETURNING id`,
      [id, fence, delayMs, JSON.stringify(error)],
    );
    if (queued.length === 0) throw leaseLost(`operation ${id}`);
  }

  /**
   * Queues a failed operation again, from its first step and with all its attempts. The caller holds the lock of the
   * project's row and has seen that no other operation works on it. Undefined, with nothing done, when it is not failed.
   */
  async retry(id: OperationId, transaction: Transaction): Promise<Operation | undefined> {
    const [operation] = await runStatement<Operation>(
      this.dataSource,
      transaction,
      `WITH again AS (
         UPDATE operation SET state = 'queued', attempt = 0, error = NULL, started_at = NULL, finished_at = NULL
          WHERE id = $1 AND state = 'failed' RETURNING *),
       unrecorded AS (DELETE FROM operation_step s USING again WHERE s.operation_id = again.id)
       SELECT * FROM again`,
      [id],
    );
    return operation;
  }

  /** The ids of operations that a worker could claim now, the oldest first. */
  async listRunnable(limit: number): Promise<OperationId[]> {
    const rows = await runStatement<{ id: OperationId }>(
      this.dataSource,
      undefined,
      `SELECT id FROM operation WHERE ${due} ORDER BY created_at LIMIT $1`,
      [limit],
    );
    return rows.map(({ id }) => id);
  }
}

const due = `(state = 'queued' AND (next_attempt_at IS NULL OR next_attempt_at <= now())
  OR state = 'running' AND lease_expires_at < now())`;

/** Locks the operation against a new claim until the end of the transaction, if the caller ($1, fence $2) holds it. */
const heldLease = `SELECT id, started_at FROM operation WHERE id = $1 AND fence = $2 AND state = 'running' FOR SHARE`;

/**
 * Writes the state $4 and the error $5 of the step named $3; `recorded` gives the operation's id if the caller holds
 * the lease.
 */
const stepRecord = `held AS (${heldLease}), others AS (
    SELECT max(finished_at) AS last_finished, coalesce(max(position), 0) AS last_position
      FROM operation_step WHERE operation_id = $1 AND name <> $3),
  step AS (
    SELECT held.id, others.last_position + 1 AS position,
           CASE WHEN $4 = 'running' THEN clock_timestamp() WHEN $4 <> 'pending'
                THEN coalesce(others.last_finished, held.started_at) END AS started_at,
           CASE WHEN $4 IN ('done', 'failed') THEN clock_timestamp() END AS finished_at
      FROM held, others),
  recorded AS (
    INSERT INTO operation_step AS s (operation_id, position, name, state, started_at, finished_at, error)
    SELECT id, position, $3, $4, started_at, finished_at, $5 FROM step
    ON CONFLICT (operation_id, name) DO UPDATE SET state = $4, finished_at = EXCLUDED.finished_at, error = $5,
      started_at = CASE WHEN $4 = 'running' THEN EXCLUDED.started_at
                        ELSE coalesce(s.started_at, EXCLUDED.started_at) END
    RETURNING operation_id AS id)`;

function notFound(id: OperationId): DomainError {
  return new DomainError('not-found', 'operation-not-found', `There is no operation ${id}.`);
}

/** The refusal of a change to a project that an operation works on; its details name that operation. */
export function operationInProgress(projectId: ProjectId, running: Operation | undefined): DomainError {
  const name = running === undefined ? 'another operation' : `operation ${running.id} (${running.kind})`;
  return new DomainError(
    'conflict',
    'operation-in-progress',
    `Project ${projectId} is busy with ${name}. Wait until it has ended and try again.`,
    running === undefined ? {} : { details: { operation: running.id } },
  );
}
