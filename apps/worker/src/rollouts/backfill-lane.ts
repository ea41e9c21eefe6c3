import { setTimeout as pause } from 'node:timers/promises';
import { admitBackfill, type BackfillOutcome, type BackfillProject, type Cluster } from '#control-database';
import type { Connection } from '#postgres';
import { failureOf, runBackfill, SchemaError, type SchemaFailure, type SchemaStep } from '#tenant-schema';
import { asError, type LaneOptions } from './migration-lane.js';
import { ClusterSlots } from './cluster-slots.js';
import { failureFingerprint, retryPauseMs } from './plan-failure.js';
import { untilAborted } from './until-aborted.js';

/** A budget of its own, and a small one: backfills read and write what the projects' requests need too. */
const projectsInAll = 2;
const projectsPerCluster = 1;

/** Projects that are looked up at once. */
const pageSize = 32;

/** A batch is quick to repeat, and must not hold up the project's requests. */
const lockTimeoutMs = 500;

/** How often the control database hears how far a backfill is. */
const toldEveryMs = 2_000;

/** Then it is looked at again whether an operation works on the project. */
const admittedForMs = 10_000;

/**
 * Fills in what the schema steps of a rollout have made room for, project by project, batch by batch. Where each one is
 * stands in its tenant database, so that whoever goes on loses nothing.
 */
export class BackfillLane {
  private readonly slots = new ClusterSlots(projectsInAll, projectsPerCluster);
  private readonly running = new Set<string>();
  private stopping = new AbortController();
  private broken: Error | undefined;

  constructor(private readonly options: LaneOptions) {}

  /**
   * Begins with as many pending ones as there is room for; those whose maintenance window is closed, or on which an
   * operation works, are put off. Rejects when one of those that ran cannot be recorded.
   */
  async fill(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.stopping = this.stopping.signal.aborted ? new AbortController() : this.stopping;
    while (!this.slots.isFull) {
      const { rollout, services } = this.options;
      const now = services.clock.now();
      const page = await services.projects.listBackfills(rollout.id, pageSize);
      let putOff = 0;
      for (const project of page) {
        if (this.running.has(project.projectId)) continue;
        const admission = admitBackfill(project, now);
        if (admission.verdict === 'wait') {
          const dueInMs = admission.until.getTime() - now.getTime();
          await services.projects.recordBackfill(rollout, {
            ...{ projectId: project.projectId, rows: 0, state: 'pending' },
            ...{ waitsFor: admission.for, dueInMs },
          });
          putOff++;
        } else if (this.slots.take(project.clusterId)) {
          const closesInMs = admission.until === null ? Infinity : admission.until.getTime() - now.getTime();
          this.running.add(project.projectId);
          void this.run(project, performance.now() + closesInMs);
        }
      }
      // Behind a page of which some are gone others may stand that need not wait.
      if (putOff === 0 || page.length < pageSize) return;
    }
  }

  /** Lets what runs end behind its present batch. Tells whether anything does; the bell tells of each end. */
  stop(): boolean {
    if (this.broken !== undefined) throw this.broken;
    this.stopping.abort(new Error('The rollout does not run any more.'));
    return this.running.size > 0;
  }

  /** Never rejects: what cannot be recorded ends the lane. */
  private async run(project: BackfillProject, closesAt: number): Promise<void> {
    try {
      await this.untilDone(project, closesAt);
    } catch (error) {
      this.broken ??= asError(error);
    } finally {
      this.slots.giveBack(project.clusterId);
      this.running.delete(project.projectId);
      this.options.bell.ring();
    }
  }

  /**
   * Tries until every step is through, or failed as often in a row as the plan allows. Leaves off when the rollout stops or
   * the project's maintenance window closes, and after a while, so that the project is admitted anew.
   */
  private async untilDone(project: BackfillProject, closesAt: number): Promise<void> {
    const { rollout, services, signal } = this.options;
    const cluster = await services.clusters.get(project.clusterId);
    const progress = new ToldProgress(this.options, project);
    const leavesOffAt = Math.min(closesAt, performance.now() + admittedForMs);
    for (let attempt = 1; ; attempt++) {
      try {
        const finished = await this.batches(project, cluster, leavesOffAt, progress);
        return await progress.tell(finished ? 'done' : 'pending');
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = error instanceof SchemaError ? error.failure : failureOf(error);
        if (failure.code === 'stale-fence') await services.rollouts.assertHeld(rollout);
        if (progress.takeSuccess()) attempt = 1;
        if (!failure.isTransient || attempt >= rollout.plan.attempts) return await progress.tell('failed', failure);
        const isStopped = !(await this.rest(retryPauseMs(attempt, Math.random())));
        if (isStopped || performance.now() > closesAt) return await progress.tell('pending');
      }
    }
  }

  /**
   * All that the database has room for, also for schemas beyond this rollout's target: one before it may have left that
   * undone. False when it has left off in between.
   */
  private batches(
    project: BackfillProject,
    cluster: Cluster,
    leavesOffAt: number,
    progress: ToldProgress,
  ): Promise<boolean> {
    const { services, signal } = this.options;
    const steps = services.steps.filter(
      ({ version, backfill }) =>
        backfill !== undefined && version > project.fromVersion && version <= project.schemaVersion,
    );
    return services.admins.inDatabase(cluster, project.databaseName, (owner) => {
      const all = async (): Promise<boolean> => {
        for (const step of steps) {
          if (!(await this.batchesOf(step, owner, leavesOffAt, progress))) return false;
        }
        return true;
      };
      return untilAborted(signal, all());
    });
  }

  private async batchesOf(
    step: SchemaStep,
    owner: Connection,
    leavesOffAt: number,
    progress: ToldProgress,
  ): Promise<boolean> {
    const { rollout, onMoment } = this.options;
    const { projectId } = progress.project;
    for (;;) {
      if (this.stopping.signal.aborted || performance.now() > leavesOffAt) return false;
      const { rows, isFinished } = await runBackfill(owner, { step, fence: rollout.fence, lockTimeoutMs });
      await onMoment({ at: 'batch', rolloutId: rollout.id, projectId });
      await progress.add(rows);
      if (isFinished) return true;
      await this.rest(step.backfill?.pauseMs ?? 0);
    }
  }

  /** Waits; false when the rollout stops meanwhile. */
  private async rest(ms: number): Promise<boolean> {
    try {
      await pause(ms, undefined, { signal: this.stopping.signal });
      return true;
    } catch {
      return false;
    }
  }
}

/** What the control database hears of one project's backfills. */
class ToldProgress {
  private rows = 0;
  private toldAt = performance.now();
  private hadSuccess = false;

  constructor(
    private readonly options: LaneOptions,
    readonly project: BackfillProject,
  ) {}

  async add(rows: number): Promise<void> {
    this.rows += rows;
    this.hadSuccess = true;
    if (performance.now() - this.toldAt > toldEveryMs) await this.tell('pending');
  }

  /** Whether a batch was done since this was asked last. */
  takeSuccess(): boolean {
    const { hadSuccess } = this;
    this.hadSuccess = false;
    return hadSuccess;
  }

  async tell(state: BackfillOutcome['state'], failure?: SchemaFailure): Promise<void> {
    const { rollout, services } = this.options;
    const { rows } = this;
    const { projectId } = this.project;
    this.rows = 0;
    this.toldAt = performance.now();
    await services.projects.recordBackfill(rollout, {
      projectId,
      rows,
      state,
      upTo: services.steps.length,
      ...(failure === undefined ? {} : { error: failure, errorFingerprint: failureFingerprint(failure) }),
    });
  }
}
