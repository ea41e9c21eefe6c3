import { setTimeout as pause } from 'node:timers/promises';
import type { BackfillProject, Cluster } from '#control-database';
import type { Connection } from '#postgres';
import { failureOf, runBackfill, SchemaError, type SchemaFailure, type SchemaStep } from '#tenant-schema';
import { asError, type LaneOptions } from './migration-lane.js';
import { ClusterSlots } from './cluster-slots.js';
import { failureFingerprint, retryPauseMs } from './plan-failure.js';
import { untilAborted } from './until-aborted.js';

/** A budget of its own, and a small one: backfills read and write what the projects' requests need too. */
const projectsInAll = 2;
const projectsPerCluster = 1;

/** A batch is quick to repeat, and must not hold up the project's requests. */
const lockTimeoutMs = 500;

/** How often the control database hears how far a backfill is. */
const toldEveryMs = 2_000;

/**
 * Fills in what the schema steps of a rollout have made room for, project by project, batch by batch. Where each one is
 * stands in its tenant database, so that whoever goes on loses nothing.
 */
export class BackfillLane {
  private readonly slots = new ClusterSlots(projectsInAll, projectsPerCluster);
  private readonly running = new Map<string, Promise<void>>();
  private stopping = new AbortController();
  private broken: Error | undefined;

  constructor(private readonly options: LaneOptions) {}

  /** Begins with as many pending ones as there is room for. Rejects when one of those that ran cannot be recorded. */
  async fill(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    if (this.slots.isFull) return;
    const { rollout, services } = this.options;
    this.stopping = this.stopping.signal.aborted ? new AbortController() : this.stopping;
    for (const project of await services.projects.listBackfills(rollout.id, projectsInAll * 16)) {
      if (this.running.has(project.projectId) || !this.slots.take(project.clusterId)) continue;
      this.running.set(project.projectId, this.run(project));
    }
  }

  /** Ends what runs behind its present batch. */
  async stop(): Promise<void> {
    this.stopping.abort(new Error('The rollout does not run any more.'));
    await Promise.all(this.running.values());
    if (this.broken !== undefined) throw this.broken;
  }

  private async run(project: BackfillProject): Promise<void> {
    try {
      await this.untilDone(project);
    } catch (error) {
      this.broken ??= asError(error);
    } finally {
      this.slots.giveBack(project.clusterId);
      this.running.delete(project.projectId);
      this.options.bell.ring();
    }
  }

  /** Tries until every step is through, or failed as often in a row as the plan allows, or the rollout stops. */
  private async untilDone(project: BackfillProject): Promise<void> {
    const { rollout, services, signal } = this.options;
    const cluster = await services.clusters.get(project.clusterId);
    const progress = new ToldProgress(this.options, project.projectId);
    for (let attempt = 1; ; attempt++) {
      try {
        const finished = await untilAborted(signal, this.batches(project, cluster, progress));
        return await progress.tell(finished ? 'done' : 'pending');
      } catch (error) {
        if (signal.aborted) throw signal.reason;
        const failure = error instanceof SchemaError ? error.failure : failureOf(error);
        if (failure.code === 'stale-fence') await services.rollouts.assertHeld(rollout);
        if (progress.takeSuccess()) attempt = 1;
        if (!failure.isTransient || attempt >= rollout.plan.attempts) return await progress.tell('failed', failure);
        if (!(await this.rest(retryPauseMs(attempt, Math.random())))) return await progress.tell('pending');
      }
    }
  }

  /** False when the rollout has stopped in between. */
  private batches(project: BackfillProject, cluster: Cluster, progress: ToldProgress): Promise<boolean> {
    const { rollout, services } = this.options;
    const steps = services.steps.filter(
      ({ version, backfill }) =>
        backfill !== undefined && version > project.fromVersion && version <= rollout.targetVersion,
    );
    return services.admins.inDatabase(cluster, project.databaseName, async (owner) => {
      for (const step of steps) {
        if (!(await this.batchesOf(step, owner, project, progress))) return false;
      }
      return true;
    });
  }

  private async batchesOf(
    step: SchemaStep,
    owner: Connection,
    { projectId }: BackfillProject,
    progress: ToldProgress,
  ): Promise<boolean> {
    const { rollout, onMoment } = this.options;
    for (;;) {
      if (this.stopping.signal.aborted) return false;
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
    private readonly projectId: string,
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

  async tell(state: 'pending' | 'done' | 'failed', failure?: SchemaFailure): Promise<void> {
    const { rollout, services } = this.options;
    const { projectId, rows } = this;
    this.rows = 0;
    this.toldAt = performance.now();
    await services.projects.recordBackfill(rollout, {
      projectId,
      rows,
      state,
      ...(failure === undefined ? {} : { error: failure, errorFingerprint: failureFingerprint(failure) }),
    });
  }
}
