import { setTimeout as pause } from 'node:timers/promises';
import {
  admitBackfill,
  type BackfillOutcome,
  type BackfillProject,
  type Cluster,
  type Turns,
  workerConnections,
} from '#control-database';
import type { Connection } from '#postgres';
import { failureOf, runBackfill, SchemaError, type SchemaFailure, type SchemaStep } from '#tenant-schema';
import { asError, type LaneOptions } from './migration-lane.js';
import { ClusterSlots } from './cluster-slots.js';
import { contentionEndsAfterMs } from './obstacles.js';
import { failureFingerprint, planFailure } from './plan-failure.js';
import { untilAborted } from './until-aborted.js';

/** A budget of its own, and a small one: backfills read and write what the projects' requests need too. */
const projectsInAll = 2;
const projectsPerCluster = workerConnections.backfills;

/** Projects that are looked up at once. */
const pageSize = 32;

/** A batch is quick to repeat, and must not hold up the project's requests. */
const lockTimeoutMs = 500;

/** How often the control database hears how far a backfill is. */
const toldEveryMs = 2_000;

/** How long a database that is not there may be missing. */
const missingForMs = 60_000;

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
  /** How many tries in a row have failed, by project; they are counted on when it is admitted anew. */
  private readonly failedTries = new Map<string, number>();
  private broken: Error | undefined;

  constructor(private readonly options: LaneOptions) {}

  /**
   * Begins with as many pending ones as there is room for; those whose maintenance window is closed, or on which an
   * operation works, are put off. Rejects when one of those that ran cannot be recorded.
   */
  async fill(turns: Pick<Turns, 'retriedOnly'>): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.stopping = this.stopping.signal.aborted ? new AbortController() : this.stopping;
    while (!this.slots.isFull) {
      const { rollout, services, obstacles } = this.options;
      const now = services.clock.now();
      const page = await services.projects.listBackfills(rollout.id, turns, obstacles.away(), pageSize);
      let putOff = 0;
      for (const project of page) {
        if (this.running.has(project.projectId)) continue;
        const admission = admitBackfill(project, now);
        if (admission.verdict === 'wait') {
          const dueInMs = admission.until.getTime() - now.getTime();
          await services.projects.recordBackfill(rollout, {
            ...{ projectId: project.projectId, rows: 0, state: 'pending' },
            ...{ waitsFor: admission.for, dueInMs, revision: project.revision },
          });
          putOff++;
        } else if (obstacles.mayTry(project.clusterId) && this.slots.take(project.clusterId)) {
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
      await this.fillIn(project, closesAt);
    } catch (error) {
      this.broken ??= asError(error);
    } finally {
      this.slots.giveBack(project.clusterId);
      this.running.delete(project.projectId);
      this.options.bell.ring();
    }
  }

  /**
   * Works on it until every step is through, or leaves off: when the rollout stops, when the project's maintenance window
   * closes, after a while, so that the project is admitted anew, and when it fails. What may pass is tried again later, as
   * often in a row as the plan allows; what stands in the way of a try is none.
   */
  private async fillIn(project: BackfillProject, closesAt: number): Promise<void> {
    const { services, signal, obstacles } = this.options;
    const cluster = await services.clusters.get(project.clusterId);
    const progress = new ToldProgress(this.options, project);
    const leavesOffAt = Math.min(closesAt, performance.now() + admittedForMs);
    let connected = false;
    const onConnected = () => {
      connected = true;
      obstacles.reached(project.clusterId);
    };
    let isFinished: boolean;
    try {
      isFinished = await this.batches(project, cluster, leavesOffAt, progress, onConnected);
    } catch (error) {
      if (signal.aborted) throw signal.reason;
      // Beside the batches only the control database is asked, and its failures are not the project's.
      if (connected && !(error instanceof SchemaError)) throw error;
      return this.recordFailure(project, progress, error, connected);
    }
    if (isFinished || progress.hadSuccess) this.forgetTries(project);
    await progress.tell(isFinished ? 'done' : 'pending');
  }

  private async recordFailure(
    project: BackfillProject,
    progress: ToldProgress,
    error: unknown,
    connected: boolean,
  ): Promise<void> {
    const { rollout, services, obstacles } = this.options;
    const failure = error instanceof SchemaError ? error.failure : failureOf(error);
    if (failure.code === 'stale-fence') await services.rollouts.assertHeld(rollout);
    if (progress.hadSuccess) this.forgetTries(project);
    const obstacle = obstacles.meet(failure, connected, project, connected ? this.patienceMs(project) : missingForMs);
    const attempt = (this.failedTries.get(project.projectId) ?? 0) + 1;
    const { attempts } = rollout.plan;
    const planned = planFailure(failure, { attempt, attempts, chance: Math.random(), obstacle });
    if (planned.state === 'failed') {
      this.forgetTries(project);
      return progress.tell('failed', failure);
    }
    if (obstacle === undefined) this.failedTries.set(project.projectId, attempt);
    return progress.tell('pending', failure, planned);
  }

  private forgetTries(project: BackfillProject): void {
    this.failedTries.delete(project.projectId);
    this.options.obstacles.giveUp(project);
  }

  /** The steps whose backfills may be unfinished in the project's database. */
  private stepsOf({ fromVersion, schemaVersion }: BackfillProject): SchemaStep[] {
    return this.options.services.steps.filter(
      ({ version, backfill }) => backfill !== undefined && version > fromVersion && version <= schemaVersion,
    );
  }

  /** How long a batch that a dead worker has sent may be at work in the project's database. */
  private patienceMs(project: BackfillProject): number {
    const limits = this.stepsOf(project).map(({ statementTimeoutMs }) => statementTimeoutMs);
    return Math.max(0, ...limits) + contentionEndsAfterMs;
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
    onConnected: () => void,
  ): Promise<boolean> {
    const { services, signal } = this.options;
    const steps = this.stepsOf(project);
    return services.admins.inDatabase(cluster, project.databaseName, (owner) => {
      onConnected();
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

  /** Waits, not for so long when the rollout stops meanwhile. */
  private async rest(ms: number): Promise<void> {
    await pause(ms, undefined, { signal: this.stopping.signal }).catch(() => undefined);
  }
}

/** What the control database hears of one project's backfills. */
class ToldProgress {
  private rows = 0;
  private toldAt = performance.now();
  private batches = 0;

  constructor(
    private readonly options: LaneOptions,
    readonly project: BackfillProject,
  ) {}

  async add(rows: number): Promise<void> {
    this.rows += rows;
    this.batches++;
    if (performance.now() - this.toldAt > toldEveryMs) await this.tell('pending');
  }

  /** Whether a batch was done. */
  get hadSuccess(): boolean {
    return this.batches > 0;
  }

  /** With a failure and what follows of it, also until when the project is left alone, and why. */
  async tell(
    state: BackfillOutcome['state'],
    failure?: SchemaFailure,
    { waitsFor, dueInMs }: Pick<BackfillOutcome, 'waitsFor' | 'dueInMs'> = {},
  ): Promise<void> {
    const { rollout, services } = this.options;
    const { rows } = this;
    const { projectId, schemaVersion } = this.project;
    this.rows = 0;
    this.toldAt = performance.now();
    await services.projects.recordBackfill(rollout, {
      projectId,
      rows,
      state,
      // Steps that others have applied since it was listed are not among those that were filled in.
      upTo: Math.min(services.steps.length, schemaVersion),
      ...(waitsFor === undefined ? {} : { waitsFor, dueInMs }),
      ...(failure === undefined ? {} : { error: failure, errorFingerprint: failureFingerprint(failure) }),
    });
  }
}
