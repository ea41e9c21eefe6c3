import type { ClaimedRollout, DueProject, ProjectOutcome, RolloutReason, Turns } from '#control-database';
import { admit, type Cluster, contractRefusal, rolloutRoom } from '#control-database';
import { Bell } from './bell.js';
import { ClusterSlots } from './cluster-slots.js';
import { contentionEndsAfterMs, type Obstacles } from './obstacles.js';
import { lockTimeoutMs, planFailure } from './plan-failure.js';
import { countFailure, countMigration } from './rollout-metrics.js';
import type { OnRolloutMoment, RolloutServices } from './rollout-services.js';
import { type MigratedDatabase, migrateTenant } from './tenant-migrator.js';

/** Projects that are looked up at once. */
const pageSize = 64;

/** No project is started on what was found longer ago: its window may have closed, or an operation moved its database. */
const foundLastsMs = 1_000;

export interface LaneOptions {
  readonly rollout: ClaimedRollout;
  readonly services: RolloutServices;
  readonly onMoment: OnRolloutMoment;
  readonly obstacles: Obstacles;
  /** Given when the lease is lost. */
  readonly signal: AbortSignal;
  /** Rung from outside when the rollout has changed. */
  readonly bell: Bell;
}

/** How often outcomes are recorded while work goes on: each record makes every data plane look what has changed. */
const recordEveryMs = 100;

/** Projects that are marked as begun ahead of their turn, for each that is worked on: so that no slot waits for a record. */
const aheadPerSlot = 8;

/**
 * Migrates the projects of one rollout, as many at a time as its plan allows. A project is marked as begun before anything
 * is done to it, and only while the rollout runs; those whose turn does not come any more are put back.
 */
export class MigrationLane {
  private readonly slots: ClusterSlots;
  private readonly ahead: number;
  private readonly finished: ProjectOutcome[] = [];
  /** Marked as begun, and waiting for a slot. */
  private ready: DueProject[] = [];
  private broken: Error | undefined;
  private candidates: DueProject[] = [];
  private readonly clusters = new Map<string, Cluster>();
  private recordedAt = -Infinity;
  private foundAt = -Infinity;

  constructor(private readonly options: LaneOptions) {
    const { parallel, parallelPerCluster } = options.rollout.plan;
    this.slots = new ClusterSlots(parallel, parallelPerCluster);
    this.ahead = parallel * aheadPerSlot;
  }

  /**
   * Works on due projects whose turn it is for `ms` at most. Returns earlier when the rollout
   * should be looked at: a project failed, everything that was due is through, somebody rang, or it does not run any more.
   * Gives the reason why a contract step must not run yet, when it met one.
   */
  async advance(turns: Turns, ms: number): Promise<RolloutReason | undefined> {
    const until = performance.now() + ms;
    let mayLookUp = turns.waves.length > 0;
    let didSomething = false;
    this.candidates = [];
    for (;;) {
      if (this.isOutdated) {
        await this.record();
        mayLookUp = turns.waves.length > 0;
      }
      this.startReady();
      const { hasFailed } = this;
      if (mayLookUp && !hasFailed && !this.slots.isFull && this.ready.length + this.candidates.length === 0) {
        const refusal = await this.lookUp(turns);
        if (refusal !== undefined) return this.record().then(() => refusal);
        mayLookUp = this.candidates.length > 0;
      }
      if (hasFailed || this.isTurnDue) {
        didSomething = true;
        const isRunning = await this.turn(hasFailed ? [] : this.takeNext());
        if (!hasFailed && isRunning) continue;
        await this.record();
        return undefined;
      }
      const leftMs = until - performance.now();
      if (leftMs <= 0 || (didSomething && this.isIdle)) return undefined;
      await this.options.bell.wait(Math.min(leftMs, this.recordInMs));
      if (this.finished.length === 0 && this.broken === undefined) return undefined;
    }
  }

  /** Begins nothing more, and records what has ended. Tells whether nothing is under way any more; the bell tells of each end. */
  async settle(): Promise<boolean> {
    await this.record();
    return this.isIdle;
  }

  private get isIdle(): boolean {
    return this.slots.isEmpty && this.ready.length === 0 && this.finished.length === 0;
  }

  private get isOutdated(): boolean {
    return this.ready.length + this.candidates.length > 0 && performance.now() - this.foundAt > foundLastsMs;
  }

  private get hasFailed(): boolean {
    return this.finished.some(({ error }) => error !== undefined);
  }

  /** How long outcomes may wait for others; not at all when nothing else is under way. */
  private get recordInMs(): number {
    if (this.finished.length === 0) return Infinity;
    return this.slots.isEmpty ? 0 : Math.max(0, this.recordedAt + recordEveryMs - performance.now());
  }

  private get isTurnDue(): boolean {
    return this.recordInMs === 0 || (this.ready.length === 0 && this.candidates.length > 0);
  }

  /** Finds projects that may begin; what becomes of the others that are due is recorded with the next outcomes. */
  private async lookUp(turns: Turns): Promise<RolloutReason | undefined> {
    const { rollout, services, obstacles } = this.options;
    const now = services.clock.now();
    this.foundAt = performance.now();
    const due = await services.projects.listDue(rollout.id, turns, obstacles.away(), pageSize);
    const candidates: DueProject[] = [];
    for (const project of due) {
      const admission = admit(project, rollout.targetVersion, now);
      if (admission.verdict === 'go') {
        if (obstacles.mayTry(project.clusterId!)) candidates.push(project);
      } else if (admission.verdict === 'skip') this.finished.push(skipped(project, admission.reason));
      else this.finished.push(waiting(project, admission.for, admission.until.getTime() - now.getTime()));
    }
    if (candidates.length === 0) return undefined;
    const oldest = Math.min(...candidates.map(({ schemaVersion }) => schemaVersion ?? 0));
    const refusal = await contractRefusal(services.projects, services.steps, oldest, rollout.targetVersion);
    if (refusal !== undefined) return refusal;
    const clusterIds = [...new Set(candidates.flatMap(({ clusterId }) => clusterId ?? []))];
    const clusters = await Promise.all(clusterIds.map((id) => services.clusters.get(id)));
    for (const cluster of clusters) this.clusters.set(cluster.id, cluster);
    this.candidates = candidates;
    return undefined;
  }

  private takeNext(): DueProject[] {
    return this.candidates.splice(0, this.ahead - this.ready.length);
  }

  /** Records outcomes and marks projects as begun. Tells whether the rollout runs. */
  private async turn(next: readonly DueProject[]): Promise<boolean> {
    const { rollout, services } = this.options;
    if (this.broken !== undefined) throw this.broken;
    const outcomes = this.finished.splice(0);
    this.recordedAt = performance.now();
    const ids = next.map(({ projectId }) => projectId);
    const { state, begun } = await services.projects.turn(rollout, outcomes, ids);
    for (const { projectId } of outcomes) await this.tell('recorded', projectId);
    // Somebody else may have skipped one.
    this.ready.push(...next.filter(({ projectId }) => begun.includes(projectId)));
    return state === 'running';
  }

  /** Records what has ended, puts back what was not started, and forgets what was found. */
  private async record(): Promise<void> {
    if (this.broken !== undefined) throw this.broken;
    this.candidates = [];
    this.finished.push(
      ...this.ready.splice(0).map(({ projectId }): ProjectOutcome => ({ projectId, state: 'pending' })),
    );
    if (this.finished.length > 0) await this.turn([]);
  }

  /** Starts what is ready, as far as there are slots. After a failure nothing, until it was looked at. */
  private startReady(): void {
    if (this.broken !== undefined) throw this.broken;
    if (this.hasFailed || this.isOutdated) return;
    this.ready = this.ready.filter((project) => {
      const cluster = this.clusters.get(project.clusterId!)!;
      if (!this.slots.take(cluster.id, rolloutRoom(cluster))) return true;
      void this.run(project);
      return false;
    });
  }

  /** Never rejects: what cannot be an outcome ends the lane. */
  private async run(project: DueProject): Promise<void> {
    try {
      await this.tell('begun', project.projectId);
      const outcome = await this.migrate(project);
      if (outcome.state === 'done') await this.tell('migrated', project.projectId);
      this.finished.push(outcome);
    } catch (error) {
      this.broken ??= asError(error);
    } finally {
      this.slots.giveBack(project.clusterId!);
      if (this.broken === undefined) this.startReady();
      this.options.bell.ring();
    }
  }

  private async migrate(project: DueProject): Promise<ProjectOutcome> {
    const { rollout, services, signal, obstacles } = this.options;
    const attempt = project.attempts + 1;
    const started = performance.now();
    const result = await migrateTenant(services, this.databaseOf(project), {
      rolloutId: rollout.id,
      fence: rollout.fence,
      target: rollout.targetVersion,
      lockTimeoutMs: lockTimeoutMs(attempt, Math.random()),
      signal,
    });
    const durationMs = performance.now() - started;
    const { projectId } = project;
    const place = { projectId, clusterId: project.clusterId! };
    if (result.outcome === 'failed') {
      // Normally another worker has the rollout, and this throws. If not, the database has seen leases of another
      // installation, and somebody must look at it.
      if (result.failure.code === 'stale-fence') await services.rollouts.assertHeld(rollout);
      countFailure(result.failure);
      const obstacle = obstacles.meet(result.failure, result.connected, place, this.patienceMs(project));
      const { attempts } = rollout.plan;
      const planned = planFailure(result.failure, { attempt, attempts, chance: Math.random(), obstacle });
      if (planned.state === 'failed') obstacles.giveUp(place);
      return { projectId, ...planned, ...(result.reached === undefined ? {} : this.seenAt(project, result.reached)) };
    }
    obstacles.pass(place);
    if (result.outcome === 'behind') return this.putBack(project, result.version);
    const done = { projectId, state: 'done', tried: true, durationMs: Math.round(durationMs) } as const;
    if (result.outcome === 'found') {
      const { version } = result;
      return {
        ...{ ...done, toVersion: version, foundVersion: version, backfill: 'none' },
        ...this.seenAt(project, version),
      };
    }
    countMigration(durationMs);
    return { ...done, toVersion: result.to, backfill: 'none', ...this.seenAt(project, result.to, result.from) };
  }

  /**
   * What becomes of a project whose database is behind what was thought. It waits as what it is for its next turn: before
   * this one its pin, its maintenance window and the rule for contract steps were asked about another schema.
   */
  private putBack(project: DueProject, version: number): ProjectOutcome {
    const { rollout, services } = this.options;
    const { projectId, schemaVersion } = project;
    const facts = { rollout: rollout.id, project: projectId, thought: schemaVersion, found: version };
    services.logger.warn(facts, 'a tenant database is behind what was thought');
    return { projectId, state: 'pending', foundVersion: version, ...this.seenAt(project, version) };
  }

  /**
   * The schema that the project's database was seen to have, and that the backfills of the steps which have brought it
   * there are to be done. It may have begun at a lower one than was thought.
   */
  private seenAt(
    { tenantDatabaseId, fromVersion, schemaVersion }: DueProject,
    version: number,
    begun = version,
  ): Pick<ProjectOutcome, 'seen' | 'backfill' | 'fromVersion'> {
    const from = Math.min(fromVersion ?? 0, schemaVersion ?? 0, begun);
    const hasBackfill = this.options.services.steps.some(
      (step) => step.backfill !== undefined && step.version > from && step.version <= version,
    );
    return {
      fromVersion: from,
      seen: { tenantDatabaseId: tenantDatabaseId!, schemaVersion: version, thought: schemaVersion },
      ...(hasBackfill ? { backfill: 'pending' } : {}),
    };
  }

  /** How long others may be at work on the project's database: what a worker has sent there ends in that time. */
  private patienceMs({ schemaVersion }: DueProject): number {
    const limits = this.options.services.steps
      .filter(({ version, backfill }) => version > (schemaVersion ?? 0) || backfill !== undefined)
      .map(({ statementTimeoutMs }) => statementTimeoutMs);
    return Math.max(0, ...limits) + contentionEndsAfterMs;
  }

  private databaseOf({ clusterId, databaseName, roleName, schemaVersion }: DueProject): MigratedDatabase {
    const cluster = clusterId === null ? undefined : this.clusters.get(clusterId);
    if (cluster === undefined || databaseName === null || roleName === null || schemaVersion === null) {
      throw new Error('A project without a tenant database was admitted.');
    }
    return { cluster, databaseName, roleName, schemaVersion };
  }

  private async tell(at: 'begun' | 'migrated' | 'recorded', projectId: string): Promise<void> {
    await this.options.onMoment({ at, rolloutId: this.options.rollout.id, projectId });
  }
}

const skipped = ({ projectId }: DueProject, skipReason: string): ProjectOutcome => ({
  projectId,
  state: 'skipped',
  skipReason,
});

const waiting = (
  { projectId, revision }: DueProject,
  waitsFor: 'window' | 'operation',
  dueInMs: number,
): ProjectOutcome => ({
  projectId,
  state: 'pending',
  waitsFor,
  dueInMs,
  revision,
});

/** What ends a lane is passed on; only errors can be. */
export const asError = (thrown: unknown): Error => (thrown instanceof Error ? thrown : new Error(String(thrown)));
