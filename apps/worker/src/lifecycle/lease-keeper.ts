import { leaseLost } from '#control-database';
import { DomainError } from '#platform';

/** How the lease of what was claimed, an operation or a rollout, is renewed; rejects with `lease-lost` when another worker has it. */
export type RenewLease = () => Promise<void>;

/**
 * Holds a lease while its work runs: renews it three times within its time, and knows when it is lost. A
 * renewal that fails for another reason (the control database is away) is tried again; when the lease's time has passed
 * without one, the lease counts as lost, because another worker may have it by then.
 */
export class LeaseKeeper {
  private timer: NodeJS.Timeout | undefined;
  private heldUntil: number;
  private lost = false;
  private stopped = false;

  constructor(
    /** What is leased, in words: `operation op_…`. */
    private readonly subject: string,
    private readonly leaseMs: number,
    private readonly renew: RenewLease,
    /** Told once, at the moment the loss is noticed. */
    private readonly onLost: () => void,
  ) {
    this.heldUntil = performance.now() + leaseMs;
    this.renewLater();
  }

  /** Throws `lease-lost` unless this worker may go on. */
  assertHeld(): void {
    if (this.lost || performance.now() > this.heldUntil) throw leaseLost(this.subject);
  }

  /** The lease is lost: whoever writes under it may hear that earlier than the next renewal does. */
  lose(): void {
    if (this.lost) return;
    this.lost = true;
    clearTimeout(this.timer);
    if (!this.stopped) this.onLost();
  }

  stop(): void {
    this.stopped = true;
    clearTimeout(this.timer);
  }

  private renewLater(): void {
    this.timer = setTimeout(() => void this.renewNow(), this.leaseMs / 3);
  }

  private async renewNow(): Promise<void> {
    // Counted from before the renewal is sent: the database's clock started later, so it ends no earlier.
    const startedAt = performance.now();
    try {
      await this.renew();
      this.heldUntil = startedAt + this.leaseMs;
    } catch (error) {
      if (isLeaseLost(error) || performance.now() > this.heldUntil) this.lose();
    }
    if (!this.stopped && !this.lost) this.renewLater();
  }
}

export function isLeaseLost(error: unknown): boolean {
  return error instanceof DomainError && error.code === 'lease-lost';
}
