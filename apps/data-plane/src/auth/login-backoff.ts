/**
 * Slows down guessing of passwords and client secrets. Failures are counted per project for the account from one address,
 * for the account from anywhere, and for the address, and for the address in all projects together: the first few cost nothing, then each doubles the time for which
 * the account is not even looked up. A password's attempt counts when it begins, so that many at the same time are not all
 * checked before the first has failed; a client's secret cannot be guessed like that, and its requests may well come all
 * at once. A success forgets what was counted for the account; the counts of the address only get the attempt back, so
 * that somebody with an account cannot guess at others from there without end.
 *
 * Kept per process and bounded, so that inventing accounts costs no memory to speak of.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, DomainError } from '#platform';

/** How many failures cost nothing. Many people may share an address, and anybody may guess at somebody's account. */
const FREE_FAILURES = { accountAndAddress: 5, account: 20, address: 100, addressEverywhere: 300 } as const;
const FIRST_PAUSE_SECONDS = 1;
const LONGEST_PAUSE_SECONDS = 60;
const FORGET_AFTER_MS = 15 * 60_000;
const MAX_TRACKED = 30_000;

export interface LoginAttempt {
  readonly projectId: string;
  /** What is guessed at: `ClientApplication/<id>`, or a person's address. */
  readonly account: string;
  readonly address: string;
  /** What is guessed: something that a person chose, or 256 random bits. */
  readonly secret: 'password' | 'generated';
}

/** One of the two is to be called when the outcome is known. */
export interface BegunAttempt {
  failed(): void;
  succeeded(): void;
}

interface Failures {
  count: number;
  lastAt: number;
}

interface Subject {
  readonly key: string;
  readonly free: number;
}

/** The account from one address, the account, the address in the project, the address. */
type Subjects = readonly [Subject, Subject, Subject, Subject];

export class LoginBackoff {
  private readonly failures = new LRUCache<string, Failures>({ max: MAX_TRACKED });

  constructor(private readonly clock: Clock) {}

  /** Begins an attempt. Throws `too-many-requests` with the seconds to wait while attempts are held back. */
  begin(attempt: LoginAttempt): BegunAttempt {
    const subjects = subjectsOf(attempt);
    const waitMs = Math.max(...subjects.map((subject) => this.waitMs(subject)));
    if (waitMs > 0) {
      throw new DomainError('too-many-requests', 'too-many-logins', 'Too many failed log-ins. Try again later.', {
        retryAfterSeconds: Math.ceil(waitMs / 1000),
      });
    }
    const isPassword = attempt.secret === 'password';
    if (isPassword) this.count(subjects);
    return {
      failed: () => {
        if (!isPassword) this.count(subjects);
      },
      succeeded: () => this.forget(subjects, isPassword),
    };
  }

  private count(subjects: Subjects): void {
    const lastAt = this.now();
    for (const { key } of subjects) this.failures.set(key, { count: this.recent(key).count + 1, lastAt });
  }

  private forget([both, account, ...addresses]: Subjects, wasCounted: boolean): void {
    this.failures.delete(both.key);
    this.failures.delete(account.key);
    if (!wasCounted) return;
    for (const { key } of addresses) {
      const { count, lastAt } = this.recent(key);
      if (count > 1) this.failures.set(key, { count: count - 1, lastAt });
      else this.failures.delete(key);
    }
  }

  private waitMs({ key, free }: Subject): number {
    const { count, lastAt } = this.recent(key);
    return lastAt + pauseSeconds(count - free) * 1000 - this.now();
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

/** The pause after so many failures more than are free. */
function pauseSeconds(failures: number): number {
  return failures < 0 ? 0 : Math.min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2 ** failures);
}

function subjectsOf({ projectId, account, address }: LoginAttempt): Subjects {
  const key = (...parts: string[]) => JSON.stringify([projectId, ...parts]);
  return [
    { key: key('both', account, address), free: FREE_FAILURES.accountAndAddress },
    { key: key('account', account), free: FREE_FAILURES.account },
    { key: key('address', address), free: FREE_FAILURES.address },
    { key: JSON.stringify(['address', address]), free: FREE_FAILURES.addressEverywhere },
  ];
}
