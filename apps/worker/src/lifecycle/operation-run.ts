import type { ClaimedOperation, OperationStep, Project } from '#control-database';
import { maxAttempts, type OperationError, type OperationKind, type OperationParams } from '#operations';
import type { Logger } from '#platform';
import { isLeaseLost, LeaseKeeper } from './lease-keeper.js';
import type { ActionContext, LifecycleAction, Step } from './lifecycle-action.js';
import { type AttemptOutcome, timeStep } from './lifecycle-metrics.js';
import type { LifecycleServices } from './lifecycle-services.js';
import { patientDelayMs, planFailure } from './plan-failure.js';
import { RunResources } from './shared-resources.js';

/** A moment in the life of a step. `performed`: its `do` has ended and nothing is recorded yet. */
export interface StepEvent {
  readonly at: 'starting' | 'performed' | 'recorded' | 'undone';
  readonly kind: OperationKind;
  readonly step: string;
  readonly operationId: string;
}

/** Waited for; one that rejects makes the step fail. */
export type OnStep = (event: StepEvent) => void | Promise<void>;

/** How long a step lasts before it is shown as running. */
const quickStepMs = 100;

/**
 * One worker's run of one claimed operation, under one fencing number. A step's state in its row says how far the
 * operation is: `done` steps are not run again, and a `failed` one means that giving up was decided, so that whoever
 * continues takes the operation back and never forward again.
 */
export class OperationRun<Kind extends OperationKind> {
  private readonly resources = new RunResources();
  private readonly lease: LeaseKeeper;
  private readonly logger: Logger;
  /** The record of the latest step that is done, while it is written beside the work of the next one. */
  private recording: Promise<void> = Promise.resolve();

  constructor(
    private readonly operation: ClaimedOperation,
    private readonly action: LifecycleAction<Kind>,
    private readonly services: LifecycleServices,
    leaseMs: number,
    private readonly onStep: OnStep = () => undefined,
  ) {
    const { id, fence, projectId } = operation;
    this.logger = services.logger.child({ operation: id, kind: action.kind, project: projectId });
    this.lease = new LeaseKeeper(
      `operation ${id}`,
      leaseMs,
      () => services.operations.renewLease(id, fence, leaseMs),
      // What a step is doing on shared connections is cut off, because another worker does it now.
      () => void this.closeResources(),
    );
  }

  /** Runs as far as it goes. Rejects with `lease-lost`, or when the control database cannot be used. */
  async execute(): Promise<Exclude<AttemptOutcome, 'lease-lost'>> {
    try {
      const context = this.context();
      const recorded = await this.recordedSteps();
      const failed = recorded.find(({ state }) => state === 'failed');
      if (failed) return await this.giveUp(context, failed.name, earlierFailure(this.operation, failed));
      const done = new Set(recorded.filter(({ state }) => state === 'done').map(({ name }) => name));
      return await this.forward(
        context,
        this.action.steps.filter(({ name }) => !done.has(name)),
      );
    } finally {
      this.lease.stop();
      await this.closeResources();
    }
  }

  /** What could not be closed changes nothing about how the run has ended. */
  private async closeResources(): Promise<void> {
    await this.resources.close().catch((error: unknown) => this.logger.warn({ err: error }, 'closing failed'));
  }

  private async forward(
    context: ActionContext<Kind>,
    steps: readonly Step<Kind>[],
  ): Promise<'succeeded' | 'retried' | 'failed'> {
    if (this.mayNotTryAgain(steps)) return this.giveUp(context, steps[0]!.name, interrupted(steps[0]!.name));
    for (const step of steps) {
      try {
        await timeStep(this.action.kind, step.name, () => this.runStep(context, step));
      } catch (error) {
        // What becomes of the operation is written after what was done, whether that could be written or not.
        await this.recording.catch(() => undefined);
        this.lease.assertHeld();
        if (isLeaseLost(error)) throw error;
        return this.failStep(context, step, error);
      }
    }
    this.logger.info({ attempt: this.operation.attempt }, 'operation succeeded');
    return 'succeeded';
  }

  /** A worker that dies leaves no error behind, so attempts that ended like that are counted here. */
  private mayNotTryAgain(steps: readonly Step<Kind>[]): boolean {
    return steps.length > 0 && this.action.afterLastAttempt === 'undo' && this.operation.attempt > maxAttempts;
  }

  private async runStep(context: ActionContext<Kind>, step: Step<Kind>): Promise<void> {
    this.lease.assertHeld();
    await this.tell('starting', step);
    await this.showing(step, async () => step.do?.(context));
    await this.tell('performed', step);
    this.lease.assertHeld();
    this.recording = this.recordStep(context, step, this.recording).then(() => this.tell('recorded', step));
    if (step === this.action.steps.at(-1)) await this.recording;
    // Whoever waits for it next hears of its failure. Where another worker has the operation, no further step begins.
    else this.recording.catch((error: unknown) => this.noticeLoss(error));
  }

  private noticeLoss(error: unknown): void {
    if (isLeaseLost(error)) this.lease.lose();
  }

  /** Shows a step as running when it lasts longer than a moment; a quick one is not worth another write. */
  private async showing(step: Step<Kind>, work: () => Promise<void>): Promise<void> {
    const { id, fence } = this.operation;
    let shown: Promise<void> | undefined;
    const timer = setTimeout(() => {
      shown = this.services.undurable.operations.recordStep(id, fence, step.name, 'running');
      shown.catch((error: unknown) => {
        this.noticeLoss(error);
        this.logger.warn({ err: error, step: step.name }, 'not shown as running');
      });
    }, quickStepMs);
    try {
      await work();
    } finally {
      clearTimeout(timer);
      await shown?.catch(() => undefined);
    }
  }

  /**
   * Records the step together with what it changes in the control database. Only the end of the operation must be on
   * disk before anybody hears of it: a step whose record is lost by a crash, of this process or of the database server,
   * is run again. Nothing of it stays when the record of the step before (`before`) could not be written.
   */
  private async recordStep(context: ActionContext<Kind>, step: Step<Kind>, before: Promise<void>): Promise<void> {
    const { operations, transactions, undurable } = this.services;
    const { id, fence } = this.operation;
    const isLast = step === this.action.steps.at(-1);
    // Only the last one begins while the one before is written, because it has its connection from another pool.
    if (!isLast) await before;
    if (!isLast && !step.record) return undurable.operations.recordStep(id, fence, step.name, 'done');
    const recording = isLast ? transactions : undurable.transactions;
    return recording.run(async (transaction) => {
      await step.record?.(context, transaction);
      await before;
      if (isLast) await operations.succeedWith(id, fence, step.name, transaction);
      else await operations.recordStep(id, fence, step.name, 'done', undefined, transaction);
    });
  }

  private async failStep(
    context: ActionContext<Kind>,
    step: Step<Kind>,
    error: unknown,
  ): Promise<'retried' | 'failed'> {
    const { operations } = this.services;
    const { id, fence, attempt } = this.operation;
    const plan = planFailure({ step: step.name, attempt, error }, this.action.afterLastAttempt);
    this.logger.warn({ err: error, step: step.name, attempt, next: plan.next }, 'step failed');
    if (plan.next === 'give-up') return this.giveUp(context, step.name, plan.error);
    await operations.recordStep(id, fence, step.name, 'pending', plan.error.message);
    await operations.retryLater(id, fence, plan.delayMs, plan.error);
    return 'retried';
  }

  /**
   * Takes every step back, the last one first, and ends the operation as failed. The decision is recorded before
   * anything is taken back. When taking back fails, it is tried again later, until nothing is left.
   */
  private async giveUp(
    context: ActionContext<Kind>,
    failedStep: string,
    error: OperationError,
  ): Promise<'retried' | 'failed'> {
    const { operations, transactions } = this.services;
    const { id, fence, attempt } = this.operation;
    await transactions.run(async (transaction) => {
      await operations.recordStep(id, fence, failedStep, 'failed', error.message, transaction);
    });
    try {
      for (const step of this.action.steps.toReversed()) {
        this.lease.assertHeld();
        await step.undo?.(context);
        await this.tell('undone', step);
      }
    } catch (failure) {
      this.lease.assertHeld();
      this.logger.error({ err: failure, attempt }, 'undoing failed, it will be tried again');
      await operations.retryLater(id, fence, patientDelayMs(attempt), error);
      return 'retried';
    }
    await transactions.run(async (transaction) => {
      await this.action.giveUp(context, transaction);
      await operations.finish(id, fence, 'failed', error, transaction);
    });
    this.logger.error({ attempt, error }, 'operation failed');
    return 'failed';
  }

  private context(): ActionContext<Kind> {
    const { id, fence, params } = this.operation;
    const project = () => this.project();
    return {
      ...this.services,
      logger: this.logger,
      operationId: id,
      fence,
      params: params as unknown as OperationParams[Kind],
      get project() {
        return project();
      },
      shared: this.resources,
    };
  }

  private project(): Project {
    const { id, project } = this.operation;
    if (project === null) throw new Error(`Operation ${id} (${this.action.kind}) names no project.`);
    return project;
  }

  /** Nothing can be recorded before the first attempt. */
  private async recordedSteps(): Promise<OperationStep[]> {
    return this.operation.attempt === 1 ? [] : this.services.operations.listSteps(this.operation.id);
  }

  private async tell(at: StepEvent['at'], step: Step<Kind>): Promise<void> {
    await this.onStep({ at, kind: this.action.kind, step: step.name, operationId: this.operation.id });
  }
}

function interrupted(step: string): OperationError {
  return {
    code: 'interrupted',
    step,
    message: `Every one of ${maxAttempts} workers that tried the step "${step}" ended in the middle of it.`,
    retryable: true,
  };
}

function earlierFailure({ error }: ClaimedOperation, failed: OperationStep): OperationError {
  return {
    code: error?.code ?? 'step-failed',
    step: failed.name,
    message: failed.error ?? error?.message ?? `The step "${failed.name}" failed.`,
    retryable: error?.retryable ?? true,
  };
}
