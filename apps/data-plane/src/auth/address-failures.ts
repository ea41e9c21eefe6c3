/**
 * Failed log-ins from an address at all projects together. No database is everybody's, so they are counted per process,
 * in bounded memory: a first wall before those counts that the replicas share (see login-backoff.ts).
 */
import { LRUCache } from 'lru-cache';
import type { Clock } from '#platform';

/** How many failures cost nothing: many people may share an address. */
const FREE_FAILURES = 300;
const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;
const FORGET_AFTER_MS = 15 * 60_000;
const MAX_TRACKED = 30_000;

interface Failures {
  readonly count: number;
  readonly lastAt: number;
}

export class AddressFailures {
  private readonly failures = new LRUCache<string, Failures>({ max: MAX_TRACKED });

  constructor(private readonly clock: Clock) {}

  /** How long an attempt from the address has to wait, in milliseconds; 0: it may go on. */
  waitMs(address: string): number {
    const { count, lastAt } = this.recent(address);
    if (count < FREE_FAILURES) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (count - FREE_FAILURES));
    return Math.max(0, lastAt + pause - this.now());
  }

  /** Counts a failure. */
  count(address: string): void {
    this.failures.set(address, { count: this.recent(address).count + 1, lastAt: this.now() });
  }

  /** Takes back one that was counted. */
  uncount(address: string): void {
    const { count, lastAt } = this.recent(address);
    if (count > 1) this.failures.set(address, { count: count - 1, lastAt });
    else this.failures.delete(address);
  }

  private recent(address: string): Failures {
    const failures = this.failures.get(address);
    const isRecent = failures !== undefined && this.now() - failures.lastAt < FORGET_AFTER_MS;
    return isRecent ? failures : { count: 0, lastAt: 0 };
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
