import type { ClaimedOperation, OperationRepository } from '#control-database';
import { isOperationKind, type OperationKind } from '#operations';
import type { Logger } from '#platform';
import { isLeaseLost } from './lease-keeper.js';
import type { LifecycleAction } from './lifecycle-action.js';
import type { LifecycleActions } from './lifecycle-actions.js';
import { countAttempt } from './lifecycle-metrics.js';
import type { LifecycleServices } from './lifecycle-services.js';
import { OperationRun, type OnStep } from './operation-run.js';

/** A worker that dies loses its operations after this time. */
const defaultLeaseMs = 30_000;

/** A kind that this release does not know may belong to a newer one that is being rolled out beside it. */
const unknownKindDelayMs = 60_000;

export interface OperationRunnerOptions {
  services: LifecycleServices;
  actions: LifecycleActions;
  /** Names this worker in the rows of its operations. */
  workerId: string;
  leaseMs?: number;
  /** Waited for at each moment of each step. */
  onStep?: OnStep;
}

/**
 * Runs operations. What can happen to one:
 * - nobody else has it: it is claimed under a new fencing number, and its steps run in order from the first that is not
 *   recorded as done. A step is recorded beside the work of those that follow, always after the step before it, and
 *   all of them before the operation has ended;
 * - a step fails: the operation goes back to the queue with a growing pause, or after its last attempt is undone, last
 *   step first, and ends as failed;
 * - this worker dies: the lease runs out and another worker goes on at the first step that is not recorded;
 * - this worker was only slow: it notices that the lease is lost, at the latest when it records, and begins no further
 *   step. Nothing that it writes to the control database under its fence is accepted then; what a step does elsewhere
 *   until it is noticed, it may do beside the other worker.
 */
export class OperationRunner {
  private readonly operations: OperationRepository;
  private readonly logger: Logger;
  private readonly leaseMs: number;
  private readonly stepsByKind: Record<string, string[]>;
  private readonly running = new Set<Promise<void>>();
  private closed = false;

  constructor(private readonly options: OperationRunnerOptions) {
    this.operations = options.services.operations;
    this.logger = options.services.logger;
    this.leaseMs = options.leaseMs ?? defaultLeaseMs;
    this.stepsByKind = Object.fromEntries(
      Object.values(options.actions).map(({ kind, steps }) => [kind, steps.map(({ name }) => name)]),
    );
  }

  /**
   * Runs the operation as far as it goes now: to its end, to a failed attempt, or not at all when it is not due or
   * another worker has it. Rejects only when the control database cannot be used.
   */
  async run(operationId: string): Promise<void> {
    if (this.closed) return;
    const run = this.claimAndRun(operationId);
    this.running.add(run);
    try {
      await run;
    } finally {
      this.running.delete(run);
    }
  }

  /** Takes no more operations and waits for those that run. */
  async close(): Promise<void> {
    this.closed = true;
    await Promise.allSettled(this.running);
  }

  private async claimAndRun(operationId: string): Promise<void> {
    const { workerId } = this.options;
    const operation = await this.operations.claim(operationId, workerId, this.leaseMs, this.stepsByKind);
    if (!operation) return;
    if (isOperationKind(operation.kind)) await this.runKind(operation.kind, operation);
    else await this.leaveToOthers(operation);
  }

  private async runKind<Kind extends OperationKind>(kind: Kind, operation: ClaimedOperation): Promise<void> {
    const action: LifecycleAction<Kind> = this.options.actions[kind];
    const { services, onStep } = this.options;
    try {
      const outcome = await new OperationRun(operation, action, services, this.leaseMs, onStep).execute();
      countAttempt(kind, outcome);
    } catch (error) {
      if (!isLeaseLost(error)) throw error;
      countAttempt(kind, 'lease-lost');
      this.logger.warn({ operation: operation.id, project: operation.projectId }, 'lease lost, another worker goes on');
    }
  }

  private async leaveToOthers(operation: ClaimedOperation): Promise<void> {
    await this.operations.retryLater(operation.id, operation.fence, unknownKindDelayMs, {
      code: 'unknown-operation-kind',
      message: `This release cannot run "${operation.kind}"; a newer worker is needed.`,
      retryable: true,
    });
  }
}
