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
/** More make the pause no longer. */
const MAX_PER_ADDRESS = FREE_FAILURES + 10;
const MAX_ADDRESSES = 30_000;
const MAX_FAILURES = 1_000_000;

export class AddressFailures {
  /** When they were, in milliseconds, in the order of time. What is being tried at this moment is among them. */
  private readonly failures = new LRUCache<string, readonly number[]>({
    max: MAX_ADDRESSES,
    maxSize: MAX_FAILURES,
    sizeCalculation: (times) => times.length,
  });

  constructor(private readonly clock: Clock) {}

  /** How long an attempt from the address has to wait, in milliseconds; 0: it may go on. */
  waitMs(address: string): number {
    const times = this.counted(address);
    const last = times.at(-1);
    if (last === undefined || times.length < FREE_FAILURES) return 0;
    const pause = Math.min(LONGEST_PAUSE_MS, FIRST_PAUSE_MS * 2 ** (times.length - FREE_FAILURES));
    return Math.max(0, last + pause - this.now());
  }

  /** Counts a failure, or an attempt that may become one. Returns what it was counted as, for `uncount`. */
  count(address: string): number {
    const now = this.now();
    this.failures.set(address, [...this.counted(address), now].slice(-MAX_PER_ADDRESS));
    return now;
  }

  /** Takes back an attempt, as if it had not been made. */
  uncount(address: string, countedAs: number): void {
    const times = this.failures.get(address) ?? [];
    const place = times.lastIndexOf(countedAs);
    if (place === -1) return;
    if (times.length > 1) this.failures.set(address, times.toSpliced(place, 1));
    else this.failures.delete(address);
  }

  /** What still counts: failures before a quarter of an hour without any are forgotten. */
  private counted(address: string): readonly number[] {
    const [times, now] = [this.failures.get(address) ?? [], this.now()];
    const lastForgotten = times.findLastIndex((at, place) => (times[place + 1] ?? now) - at >= FORGET_AFTER_MS);
    return lastForgotten === -1 ? times : times.slice(lastForgotten + 1);
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}
