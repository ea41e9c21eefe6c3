/**
 * Slows down guessing of client secrets. Failures are counted per project, client and address: the first few cost
 * nothing, then each doubles the time for which that client is not even looked up from that address. A success forgets
 * them. Kept per process and bounded, so that inventing clients costs no memory to speak of.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, DomainError } from '#platform';

const FREE_FAILURES = 5;
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 60;
const FORGET_AFTER_MS = 15 * 60_000;
const MAX_TRACKED = 10_000;

export interface LoginAttempt {
  readonly projectId: string;
  readonly clientId: string;
  readonly address: string;
}

interface Failures {
  count: number;
  lastAt: number;
}

export class LoginBackoff {
  private readonly failures = new LRUCache<string, Failures>({ max: MAX_TRACKED });

  constructor(private readonly clock: Clock) {}

  /** Throws `too-many-requests` with the seconds to wait while the attempt is held back. */
  assertAllowed(attempt: LoginAttempt): void {
    const failures = this.recent(keyOf(attempt));
    const waitMs = failures.lastAt + pauseSeconds(failures.count) * 1000 - this.now();
    if (waitMs > 0) {
      throw new DomainError('too-many-requests', 'too-many-logins', 'Too many failed log-ins. Try again later.', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
    }
  }

  /** A wrong id or secret. */
  failed(attempt: LoginAttempt): void {
    const key = keyOf(attempt);
    this.failures.set(key, { count: this.recent(key).count + 1, lastAt: this.now() });
  }

  succeeded(attempt: LoginAttempt): void {
    this.failures.delete(keyOf(attempt));
  }

  private recent(key: string): Failures {
    const failures = this.failures.get(key);
    const isRecent = failures !== undefined && this.now() - failures.lastAt < FORGET_AFTER_MS;
    return isRecent ? failures : { count: 0, lastAt: 0 };
  }

  private now(): number {
    return this.clock.now().getTime();
  }
}

function pauseSeconds(failures: number): number {
  if (failures < FREE_FAILURES) return 0;
  return Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** (failures - FREE_FAILURES));
}

function keyOf({ projectId, clientId, address }: LoginAttempt): string {
  return JSON.stringify([projectId, clientId, address]);
}
