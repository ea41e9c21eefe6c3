import { isLeaseLost } from '../lifecycle/lease-keeper.js';
import { RolloutRun } from './rollout-run.js';
import type { OnRolloutMoment, RolloutServices } from './rollout-services.js';

/** A worker that dies loses its rollout after this time. */
const defaultLeaseMs = 30_000;

export interface RolloutRunnerOptions {
  readonly services: RolloutServices;
  /** Names this worker in the rows of its rollouts. */
  readonly workerId: string;
  readonly leaseMs?: number;
  readonly onMoment?: OnRolloutMoment;
}

/**
 * Runs rollouts. What can happen to one:
 * - nobody else has it: it is claimed under a new fencing number and driven until it is through, paused or aborted;
 * - this worker dies: the lease runs out, another one claims it, and what was begun and not recorded is begun again; the
 *   tenant database tells what had been done to it;
 * - this worker was only slow: nothing that it writes is accepted any more, neither by the control database nor by a
 *   tenant database that the later lease has touched, and it stops.
 */
export class RolloutRunner {
  private readonly running = new Map<string, { run: RolloutRun | undefined; ended: Promise<void> }>();
  private closed = false;

  constructor(private readonly options: RolloutRunnerOptions) {}

  /** The newest schema that this worker can bring databases to. */
  get newest(): number {
    return this.options.services.steps.length;
  }

  /**
   * Runs the rollout as far as it goes now, or lets a run of this worker look at it again; nothing when another worker has
   * it. Rejects only when the control database cannot be used.
   */
  async run(rolloutId: string): Promise<void> {
    if (this.closed) return;
    const running = this.running.get(rolloutId);
    if (running !== undefined) return running.run?.wake();
    const entry = { run: undefined as RolloutRun | undefined, ended: Promise.resolve() };
    this.running.set(rolloutId, entry);
    entry.ended = this.claimAndRun(rolloutId, entry).finally(() => this.running.delete(rolloutId));
    await entry.ended;
  }

  /** Takes no more rollouts, and gives back those that run when what they have begun has ended. */
  async close(): Promise<void> {
    this.closed = true;
    for (const { run } of this.running.values()) run?.close();
    await Promise.allSettled([...this.running.values()].map(({ ended }) => ended));
  }

  private async claimAndRun(rolloutId: string, entry: { run: RolloutRun | undefined }): Promise<void> {
    const { services, workerId, leaseMs = defaultLeaseMs, onMoment = () => undefined } = this.options;
    const rollout = await services.rollouts.claim(rolloutId, workerId, leaseMs, this.newest);
    if (rollout === undefined) return;
    entry.run = new RolloutRun(rollout, services, leaseMs, onMoment);
    if (this.closed) entry.run.close();
    try {
      await entry.run.execute();
    } catch (error) {
      if (!isLeaseLost(error)) throw error;
      services.logger.warn({ rollout: rolloutId }, 'lease lost, another worker goes on');
    }
  }
}
