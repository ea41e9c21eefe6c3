/**
 * This replica's part of the connections that each cluster may have: it says that it lives, takes its share and keeps the
 * broker to it. All replicas do the same over one table (`connection_share`), so there is no leader. They tell each other
 * when shares change; the beat is for what was not heard.
 *
 * A replica that cannot reach the control database keeps the shares that it had: to serve is worth more than the budget,
 * and what is too much is refused by the cluster itself.
 */
import type { ConnectionShareRepository } from '#control-database';
import type { Logger } from '#platform';
import type { ConnectionBroker } from '#postgres';

const BEAT_MS = 5_000;
/** A replica that has missed this many beats and more has died without giving back its shares. */
const DEAD_AFTER_MS = 3 * BEAT_MS;
/** While more is open than allowed, others wait for what is being closed. */
const SHRINKING_BEAT_MS = 200;

export interface ConnectionSharesOptions {
  readonly shares: Pick<ConnectionShareRepository, 'take' | 'giveBack'>;
  readonly broker: Pick<ConnectionBroker, 'setCap' | 'openByCluster'>;
  /** The name of this process in the table. */
  readonly replica: string;
  readonly logger: Logger;
}

export class ConnectionShares {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private wantedAgain = false;
  private failing = false;
  private closed = false;

  constructor(private readonly options: ConnectionSharesOptions) {}

  /** Takes the first shares and keeps taking them from then on. Rejects when the first cannot be taken. */
  async open(): Promise<void> {
    this.beatIn(await this.take());
  }

  /** Another replica, or an operator, has changed what there is to share. What this one has said itself is no news. */
  announced(replica: string): void {
    if (replica !== this.options.replica) this.beat();
  }

  /** Stops and gives the shares back; the connections should be closed before. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    await this.running;
    const { shares, replica, logger } = this.options;
    try {
      await shares.giveBack(replica);
    } catch (error) {
      logger.warn(
        { err: error },
        'connection shares were not given back; the others take them when this one counts as dead',
      );
    }
  }

  private beat(): void {
    if (this.closed) return;
    if (this.running !== undefined) {
      this.wantedAgain = true;
      return;
    }
    clearTimeout(this.timer);
    this.running = this.takeOrReport().then((waitMs) => {
      this.running = undefined;
      const again = this.wantedAgain;
      this.wantedAgain = false;
      if (again) this.beat();
      else this.beatIn(waitMs);
    });
  }

  private beatIn(waitMs: number): void {
    clearTimeout(this.timer);
    if (!this.closed) this.timer = setTimeout(() => this.beat(), waitMs);
  }

  /** Logged once per outage. */
  private async takeOrReport(): Promise<number> {
    try {
      const waitMs = await this.take();
      this.failing = false;
      return waitMs;
    } catch (error) {
      if (!this.failing)
        this.options.logger.warn({ err: error }, 'connection shares cannot be read; the last ones stay');
      this.failing = true;
      return BEAT_MS;
    }
  }

  /** Gives the time to wait before the next beat. */
  private async take(): Promise<number> {
    const { shares, broker, replica } = this.options;
    const open = broker.openByCluster();
    const taken = await shares.take(replica, open, DEAD_AFTER_MS);
    for (const [clusterId, share] of taken) broker.setCap(clusterId, share);
    const isShrinking = [...taken].some(([clusterId, share]) => (open[clusterId] ?? 0) > share);
    return isShrinking ? SHRINKING_BEAT_MS : BEAT_MS;
  }
}
