import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import { Transactions, type Transaction } from '../connection/transactions.js';
import { leaseLost } from '../operations/lease-lost.js';
import { FleetTarget } from './fleet-target.js';
import type { PlannedWave } from './plan-waves.js';
import { trafficSurelyKeptMs } from './project-traffic.repository.js';
import type { RolloutPlan, RolloutState, WaveHealth, WaveState } from './rollout-plan.js';
import {
  adoptStatement,
  beginWaveStatement,
  claimStatement,
  heldLease,
  listRunnableStatement,
  lookStatement,
  passWaveStatement,
  planProjectsStatement,
  planWavesStatement,
  provedStatement,
  watchWaveStatement,
} from './rollout-work.sql.js';

/** A rollout as its worker gets it. */
export interface ClaimedRollout {
  readonly id: string;
  readonly targetVersion: number;
  readonly plan: RolloutPlan;
  /** Decimal; every later write of this worker names it. */
  readonly fence: string;
}

/** How a rollout stands at one moment. */
export interface RolloutStanding {
  /** The control database's clock. */
  readonly now: Date;
  readonly state: RolloutState;
  readonly wave: number;
  /** In order; none before the rollout was planned. */
  readonly waves: readonly WaveStanding[];
}

export interface WaveStanding {
  readonly position: number;
  readonly state: WaveState;
  readonly startedAt: Date | null;
  readonly settledAt: Date | null;
  readonly finishedAt: Date | null;
  /** What was measured when it was judged last. */
  readonly health: WaveHealth | null;
  readonly counts: WaveCounts;
}

/** How many projects of a wave are where. */
export interface WaveCounts {
  readonly total: number;
  /** Pending, and awaited by the wave: to be begun, or to be tried again. */
  readonly open: number;
  /** Pending, and to be looked at: the time is over for which they were put off as those that wait are. */
  readonly due: number;
  /** Pending, and not awaited: outside their maintenance window, or busy with an operation. */
  readonly waiting: number;
  /**
   * Projects and backfills that an operator has put back, and that are not through since. Those that are put off, outside
   * the maintenance window or while an operation works on the project, not counted.
   */
  readonly retried: number;
  readonly running: number;
  readonly done: number;
  readonly failed: number;
  readonly skipped: number;
  /** Of those done and failed, the ones that this rollout has tried to migrate or to fill in. */
  readonly tried: number;
  /** Of those done, the ones that this rollout has migrated: others had the schema before. */
  readonly worked: number;
  /** Of those, the ones that the health gate has not let pass yet. */
  readonly unjudged: number;
  /** Of those, the ones that were migrated after the watch of the wave's health began last. */
  readonly unwatched: number;
  readonly backfillsPending: number;
  /** Of the pending ones: outside the project's maintenance window, or while an operation works on it. */
  readonly backfillsWaiting: number;
  /** Those that were left out not counted. */
  readonly backfillsFailed: number;
  /** When the first of the pending ones that are not due yet is due. */
  readonly nextDueAt: Date | null;
}

/** Why a rollout was paused or aborted by its worker. */
export interface RolloutReason {
  readonly code: string;
  readonly message: string;
}

/** What a worker does to the rows of a rollout as a whole; each write is refused with `lease-lost` under an old fence. */
export class RolloutWorkRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Rollouts that a worker which knows schemas up to `newest` could claim now: running ones, and ended or paused ones of
   * which projects are still marked as being worked on, by a worker that died.
   */
  async listRunnable(newest: number): Promise<string[]> {
    const rows = await runStatement<{ id: string }>(this.dataSource, undefined, listRunnableStatement, [newest]);
    return rows.map(({ id }) => id);
  }

  /**
   * Takes a rollout that nobody holds, for `leaseMs`, under a new fencing number. Projects that its last worker had begun
   * and not recorded are pending again. Undefined when there is nothing to take.
   */
  async claim(id: string, workerId: string, leaseMs: number, newest: number): Promise<ClaimedRollout | undefined> {
    const [claimed] = await runStatement<ClaimedRollout>(this.dataSource, undefined, claimStatement, [
      ...[id, workerId, leaseMs, newest],
    ]);
    return claimed;
  }

  /** Keeps the lease for another `leaseMs` from now. */
  async renewLease(id: string, fence: string, leaseMs: number): Promise<void> {
    await this.underLease(
      id,
      undefined,
      `UPDATE rollout SET lease_expires_at = now() + $3 * interval '1 ms' WHERE id = $1 AND fence = $2 RETURNING id`,
      [id, fence, leaseMs],
    );
  }

  /** Throws unless the lease is still the caller's. */
  async assertHeld({ id, fence }: Pick<ClaimedRollout, 'id' | 'fence'>): Promise<void> {
    await this.underLease(id, undefined, 'SELECT id FROM rollout WHERE id = $1 AND fence = $2', [id, fence]);
  }

  /** Gives the lease back, so that another worker need not wait for its end. */
  async release(id: string, fence: string): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      'UPDATE rollout SET lease_owner = NULL, lease_expires_at = NULL WHERE id = $1 AND fence = $2',
      [id, fence],
    );
  }

  /** How the rollout stands. */
  async look(id: string, fence: string): Promise<RolloutStanding> {
    const [standing] = await this.underLease<RolloutStanding & { waves: JsonWave[] }>(id, undefined, lookStatement, [
      ...[id, fence],
    ]);
    return { ...standing!, waves: standing!.waves.map(toWaveStanding) };
  }

  /**
   * Writes down the waves and their projects, once. Projects that have the target's schema already are done, unless the plan
   * says that they are looked into.
   */
  async writePlan(rollout: ClaimedRollout, waves: readonly PlannedWave[]): Promise<void> {
    const { id, fence, targetVersion, plan } = rollout;
    const projects = waves.flatMap(({ projectIds }, wave) => projectIds.map((projectId) => ({ projectId, wave })));
    await new Transactions(this.dataSource).run(async (within) => {
      await this.hold(id, fence, within);
      const selectors = waves.map(({ selector }) => JSON.stringify(selector));
      await runStatement(this.dataSource, within, planWavesStatement, [id, selectors]);
      await runStatement(this.dataSource, within, planProjectsStatement, [
        ...[id, targetVersion, projects.map(({ projectId }) => projectId), projects.map(({ wave }) => wave)],
        plan.verify,
      ]);
    });
  }

  /**
   * Adds to the last wave the projects that came to an older schema after the rollout was planned (created, restored or
   * unarchived meanwhile), also those whose database is still being built, and makes pending again those whose database
   * was replaced by an older one. Tells how many. Before it looks, the rollout's target is that of the fleet, so that no
   * further ones appear; unless nothing has proved the migration, and some were left out: then they go on to be made with
   * the schema that is known to be good.
   */
  async adopt(rollout: ClaimedRollout): Promise<number> {
    const { id, fence, targetVersion } = rollout;
    await new Transactions(this.dataSource).run(async (within) => {
      const values = [id, fence, targetVersion];
      const [row] = await this.underLease<{ isProved: boolean }>(id, within, provedStatement, values);
      if (row!.isProved) await new FleetTarget(this.dataSource).raise(targetVersion, within);
    });
    const [row] = await this.underLease<{ adopted: number }>(id, undefined, adoptStatement, [id, fence, targetVersion]);
    return row!.adopted;
  }

  /**
   * Lets a wave begin, or begin again. At its first beginning the traffic of its projects in the health window before it is
   * kept, for its judgement.
   */
  async beginWave({ id, fence, plan }: ClaimedRollout, position: number): Promise<void> {
    await this.underLease(id, undefined, beginWaveStatement, [id, fence, position, plan.health.windowMs]);
  }

  /** From now on the health of those is watched that the wave has migrated and nobody has judged yet. */
  async watchWave({ id, fence, plan }: ClaimedRollout, position: number, health?: WaveHealth): Promise<void> {
    const { windowMs } = plan.health;
    await this.underLease(id, undefined, watchWaveStatement, [
      ...[id, fence, position, windowMs, asJson(health), trafficSurelyKeptMs],
    ]);
  }

  async failWave({ id, fence }: ClaimedRollout, position: number, health?: WaveHealth): Promise<void> {
    await this.underLease(
      id,
      undefined,
      `WITH held AS (${heldLease})
       UPDATE rollout_wave w SET state = 'failed', health = coalesce($4::jsonb, w.health), finished_at = clock_timestamp()
         FROM held WHERE w.rollout_id = held.id AND w.position = $3 RETURNING held.id`,
      [id, fence, position, asJson(health)],
    );
  }

  /**
   * Ends a wave as passed, and goes on to the next one if it was the current one; does nothing when an operator has stopped
   * the rollout meanwhile. With the first one that was tried and found healthy the rollout's target becomes that of the
   * fleet: before, nobody knows whether the migration is good, and it must not keep new projects from being made.
   */
  async passWave({ id, fence, targetVersion }: ClaimedRollout, position: number, health?: WaveHealth): Promise<void> {
    await new Transactions(this.dataSource).run(async (within) => {
      const values = [id, fence, position, asJson(health)];
      const [row] = await this.underLease<{ isPassed: boolean }>(id, within, passWaveStatement, values);
      if (row!.isPassed && health !== undefined) await new FleetTarget(this.dataSource).raise(targetVersion, within);
    });
  }

  /** Pauses, aborts or ends a rollout that is still running; one that an operator has just stopped stays as it is. */
  async end(
    { id, fence }: ClaimedRollout,
    state: 'paused' | 'aborted' | 'succeeded',
    reason: RolloutReason | null,
  ): Promise<void> {
    await this.underLease(
      id,
      undefined,
      `WITH held AS (${heldLease}), ended AS (
         UPDATE rollout r SET state = $3, reason = $4::jsonb,
                finished_at = CASE WHEN $3 <> 'paused' THEN clock_timestamp() END
           FROM held WHERE r.id = held.id AND r.state = 'running')
       SELECT id FROM held`,
      [id, fence, state, asJson(reason)],
    );
  }

  /** Tells the reason of a stop anew, with what has ended since; a stop with another code keeps its own. */
  async renewReason({ id, fence }: ClaimedRollout, { code, message }: RolloutReason): Promise<void> {
    await this.underLease(
      id,
      undefined,
      `WITH held AS (${heldLease}), renewed AS (
         UPDATE rollout r SET reason = jsonb_build_object('code', $3::text, 'message', $4::text)
           FROM held WHERE r.id = held.id AND r.state IN ('paused', 'aborted')
            AND r.reason ->> 'code' = $3 AND r.reason ->> 'message' <> $4)
       SELECT id FROM held`,
      [id, fence, code, message],
    );
  }

  private async hold(id: string, fence: string, within: Transaction): Promise<void> {
    await this.underLease(id, within, heldLease, [id, fence]);
  }

  private async underLease<Row extends object>(
    id: string,
    transaction: Transaction | undefined,
    text: string,
    values: readonly unknown[],
  ): Promise<Row[]> {
    const rows = await runStatement<Row>(this.dataSource, transaction, text, values);
    if (rows.length === 0) throw leaseLost(`rollout ${id}`);
    return rows;
  }
}

const asJson = (value: object | null | undefined): string | null => (value == null ? null : JSON.stringify(value));

/** Times inside JSON are text. */
type JsonWave = Omit<WaveStanding, 'startedAt' | 'settledAt' | 'finishedAt' | 'counts'> & {
  startedAt: string | null;
  settledAt: string | null;
  finishedAt: string | null;
  counts: Omit<WaveCounts, 'nextDueAt'> & { nextDueAt: string | null };
};

function toWaveStanding(wave: JsonWave): WaveStanding {
  const { startedAt, settledAt, finishedAt, counts } = wave;
  return {
    ...wave,
    startedAt: asDate(startedAt),
    settledAt: asDate(settledAt),
    finishedAt: asDate(finishedAt),
    counts: { ...counts, nextDueAt: asDate(counts.nextDueAt) },
  };
}

const asDate = (text: string | null): Date | null => (text === null ? null : new Date(text));
