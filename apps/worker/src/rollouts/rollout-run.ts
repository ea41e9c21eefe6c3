import {
  type ClaimedRollout,
  contractRefusal,
  leaseLost,
  planWaves,
  type RolloutReason,
  type RolloutStanding,
  type Turns,
} from '#control-database';
import type { Logger } from '#platform';
import { isLeaseLost, LeaseKeeper } from '../lifecycle/lease-keeper.js';
import { BackfillLane } from './backfill-lane.js';
import { Bell } from './bell.js';
import { measureHealth, needsAnotherWindow } from './health-gate.js';
import { MigrationLane } from './migration-lane.js';
import { budgetExcess } from './failure-budget.js';
import { longestWaitMs, nextAction, type Step } from './next-action.js';
import { Obstacles } from './obstacles.js';
import { forgetStanding, showStanding } from './rollout-metrics.js';
import type { OnRolloutMoment, RolloutServices } from './rollout-services.js';

/**
 * One worker's run of one claimed rollout, under one fencing number. It looks how the rollout stands, does the next thing,
 * and looks again; everything that the next look needs is in rows, so that it may end after any line and be gone on with
 * elsewhere.
 */
export class RolloutRun {
  private readonly bell = new Bell();
  private readonly cut = new AbortController();
  private readonly lease: LeaseKeeper;
  private readonly migrations: MigrationLane;
  private readonly backfills: BackfillLane;
  private readonly logger: Logger;
  private readonly obstacles: Obstacles;
  private closing = false;

  constructor(
    private readonly rollout: ClaimedRollout,
    private readonly services: RolloutServices,
    leaseMs: number,
    private readonly onMoment: OnRolloutMoment,
  ) {
    const { id, fence } = rollout;
    this.logger = services.logger.child({ rollout: id });
    this.lease = new LeaseKeeper(
      `rollout ${id}`,
      leaseMs,
      () => services.rollouts.renewLease(id, fence, leaseMs),
      () => this.abandon(leaseLost(`rollout ${id}`)),
    );
    this.obstacles = new Obstacles(this.logger);
    const { obstacles, bell } = this;
    const options = { rollout, services, onMoment, obstacles, signal: this.cut.signal, bell };
    this.migrations = new MigrationLane(options);
    this.backfills = new BackfillLane(options);
  }

  /** The rollout may have changed: look at it now. */
  wake(): void {
    this.bell.ring();
  }

  /** Lets what runs end, and gives the rollout to others. */
  close(): void {
    this.closing = true;
    this.bell.ring();
  }

  /** Runs until the rollout does not run any more or this worker closes. Rejects with `lease-lost` when another has it. */
  async execute(): Promise<void> {
    const { id, fence } = this.rollout;
    try {
      await this.onMoment({ at: 'claimed', rolloutId: id });
      await this.untilStopped();
      await this.services.rollouts.release(id, fence);
    } catch (error) {
      this.abandon(error);
      if (!isLeaseLost(error)) await this.giveUp();
      throw error;
    } finally {
      this.lease.stop();
      forgetStanding();
    }
  }

  /** Lets somebody else try at once. When that cannot be written either, the lease's own end does it. */
  private async giveUp(): Promise<void> {
    const { id, fence } = this.rollout;
    await this.services.rollouts
      .release(id, fence)
      .catch((error: unknown) => this.logger.warn({ err: error }, 'lease not given back'));
  }

  private abandon(reason: unknown): void {
    this.cut.abort(reason);
    this.bell.ring();
  }

  private async untilStopped(): Promise<void> {
    for (;;) {
      this.lease.assertHeld();
      const standing = await this.look();
      const { turns, step } = nextAction(standing, this.rollout.plan);
      if (this.closing || step.do === 'stop') {
        // While something is under way it is looked at again and again: an operator may let it go on meanwhile.
        if (!(await this.isAtRest())) await this.bell.wait(longestWaitMs);
        else if (this.closing || (await this.isStopped())) return;
        continue;
      }
      if (standing.waves.some(({ counts }) => counts.backfillsPending > 0)) await this.backfills.fill(turns);
      if (step.do === 'wait') await this.work(turns, step.ms);
      else await this.take(step, standing);
    }
  }

  private async look(): Promise<RolloutStanding> {
    const standing = await this.services.rollouts.look(this.rollout.id, this.rollout.fence);
    showStanding(standing);
    return standing;
  }

  /** Begins nothing more. Tells whether nothing is under way any more. */
  private async isAtRest(): Promise<boolean> {
    const isFilling = this.backfills.stop();
    return (await this.migrations.settle()) && !isFilling;
  }

  /** Nothing is under way: whether that is the end of this run. What has failed since the stop is told with its reason. */
  private async isStopped(): Promise<boolean> {
    const standing = await this.look();
    if (standing.state === 'running') return false;
    const excess = budgetExcess(standing, this.rollout.plan);
    if (excess !== undefined) await this.services.rollouts.renewReason(this.rollout, excess.reason);
    return true;
  }

  private async work(turns: Turns, ms: number): Promise<void> {
    const refusal = await this.migrations.advance(turns, ms);
    if (refusal !== undefined) await this.pause(refusal);
  }

  private async take(step: Exclude<Step, { do: 'wait' | 'stop' }>, standing: RolloutStanding): Promise<void> {
    const { rollouts } = this.services;
    switch (step.do) {
      case 'plan':
        return this.plan();
      case 'begin-wave':
        this.logger.info({ wave: step.wave }, 'wave begins');
        return rollouts.beginWave(this.rollout, step.wave);
      case 'watch-health':
        return rollouts.watchWave(this.rollout, step.wave);
      case 'judge-health':
        return this.judge(standing, step.wave);
      case 'pass-wave':
        return rollouts.passWave(this.rollout, step.wave);
      case 'fail':
        if (step.wave !== undefined) await rollouts.failWave(this.rollout, step.wave);
        return this.fail(step.reason);
      case 'pause':
        return this.pause(step.reason);
      case 'finish':
        return this.finish();
    }
  }

  /** Divides the fleet, archived projects left out, among the waves, unless a contract step comes too early for it. */
  private async plan(): Promise<void> {
    const { rollouts, projects, fleet, steps } = this.services;
    const { id, plan, targetVersion } = this.rollout;
    const candidates = (await fleet.listCandidates()).filter(({ state }) => state !== 'archived');
    const oldest = Math.min(targetVersion, ...candidates.map(({ schemaVersion }) => schemaVersion ?? targetVersion));
    const refusal = await contractRefusal(projects, steps, oldest, targetVersion);
    if (refusal !== undefined) return this.pause(refusal);
    await rollouts.writePlan(this.rollout, planWaves(candidates, plan.waves));
    await this.onMoment({ at: 'planned', rolloutId: id });
    this.logger.info({ projects: candidates.length, target: targetVersion }, 'rollout planned');
  }

  private async judge({ waves }: RolloutStanding, position: number): Promise<void> {
    const { rollouts } = this.services;
    const health = await measureHealth(this.services, this.obstacles, this.rollout, waves[position]!);
    if (health === undefined) return this.work({ waves: [], retriedOnly: false }, longestWaitMs);
    await this.onMoment({ at: 'judged', rolloutId: this.rollout.id });
    if (needsAnotherWindow(health, waves[position]!, this.rollout.plan)) {
      return rollouts.watchWave(this.rollout, position, health);
    }
    if (health.exceeded.length === 0) return rollouts.passWave(this.rollout, position, health);
    await rollouts.failWave(this.rollout, position, health);
    await this.fail({ code: 'health-exceeded', message: `Wave ${position}: ${health.exceeded.join(' ')}` });
  }

  private async fail(reason: RolloutReason): Promise<void> {
    const state = this.rollout.plan.onExceeded === 'abort' ? 'aborted' : 'paused';
    this.logger.warn({ ...reason, state }, 'rollout stopped');
    await this.services.rollouts.end(this.rollout, state, reason);
  }

  private async pause({ code, message }: RolloutReason): Promise<void> {
    this.logger.warn({ code, message }, 'rollout paused');
    await this.services.rollouts.end(this.rollout, 'paused', { code, message });
  }

  private async finish(): Promise<void> {
    const { rollouts } = this.services;
    const adopted = await rollouts.adopt(this.rollout);
    if (adopted > 0) return;
    this.logger.info('rollout succeeded');
    await rollouts.end(this.rollout, 'succeeded', null);
  }
}
