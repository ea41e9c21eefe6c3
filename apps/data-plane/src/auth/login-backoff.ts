/**
 * Slows down guessing of passwords, codes and client secrets. Failures are counted for the account from one address, for
 * the account from anywhere and for the address, in the database of the project, so that all replicas count together; and
 * for the address at all projects together, in this process. The first few cost nothing, then each doubles the time for
 * which the account is not even looked up. An attempt at a password or a code counts when it begins, so that many at the
 * same time are not all checked before the first has failed; a client's secret cannot be guessed like that, and its
 * requests may well come all at once. A success forgets what was counted for the account; the counts of the address only
 * get the attempt back, so that somebody with an account cannot guess at others from there without end.
 */
import { type AttemptSubject, beginLoginAttempt, forgetLoginAttempts } from '#fhir-store';
import { type Clock, DomainError, networkOf, sha256 } from '#platform';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { AddressFailures } from './address-failures.js';

/** How many failures cost nothing. Many people may share an address, and anybody may guess at somebody's account. */
const FREE_FAILURES = { accountAndAddress: 5, account: 20, address: 100 } as const;

export interface LoginAttempt {
  /** What is guessed at: `ClientApplication/<id>`, or a person's address. */
  readonly account: string;
  /** Where it comes from; see `networkOf`. */
  readonly address: string;
  /** What is guessed: something that a person chose, a one-time code, or 256 random bits. */
  readonly secret: 'password' | 'code' | 'generated';
}

/** One of them is to be called when the outcome is known. */
export interface BegunAttempt {
  failed(): Promise<void>;
  succeeded(): Promise<void>;
  /** Nobody had the time to look at the secret: it counts as if it had not been tried. */
  unchecked(): Promise<void>;
}

/** The account from one address, the account, the address. */
type Subjects = readonly [AttemptSubject, AttemptSubject, AttemptSubject];

export class LoginBackoff {
  private readonly everywhere: AddressFailures;

  constructor(clock: Clock) {
    this.everywhere = new AddressFailures(clock);
  }

  /**
   * Begins an attempt at an account of the project. Throws `too-many-requests` with the seconds to wait while attempts are
   * held back. The same is asked of the database whether there is such an account or not.
   */
  async begin({ database }: Pick<TenantRuntime, 'database'>, attempt: LoginAttempt): Promise<BegunAttempt> {
    const address = networkOf(attempt.address);
    assertNoWait(this.everywhere.waitMs(address));
    const subjects = subjectsOf({ ...attempt, address });
    const countsNow = attempt.secret !== 'generated';
    const { waitMs, counted } = await database.use((connection) => beginLoginAttempt(connection, subjects, countsNow));
    assertNoWait(waitMs);
    if (countsNow) this.everywhere.count(address);
    const [both, account, from] = subjects.map(({ key }) => key) as [Buffer, Buffer, Buffer];
    return {
      failed: async () => {
        if (countsNow) return;
        this.everywhere.count(address);
        await database.use((connection) => beginLoginAttempt(connection, subjects, true));
      },
      succeeded: async () => {
        if (countsNow) this.everywhere.uncount(address);
        if (!countsNow && counted === 0) return;
        await database.use((connection) => forgetLoginAttempts(connection, [both, account], countsNow ? [from] : []));
      },
      unchecked: async () => {
        if (!countsNow) return;
        this.everywhere.uncount(address);
        await database.use((connection) => forgetLoginAttempts(connection, [], [both, account, from]));
      },
    };
  }
}

function assertNoWait(waitMs: number): void {
  if (waitMs === 0) return;
  throw new DomainError('too-many-requests', 'too-many-logins', 'Too many failed log-ins. Try again later.', {
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}

/** Kept as hashes: what people type for their address is nobody's business. */
function subjectsOf({ account, address }: LoginAttempt): Subjects {
  const key = (...parts: string[]) => sha256(JSON.stringify(parts));
  return [
    { key: key('both', account, address), free: FREE_FAILURES.accountAndAddress },
    { key: key('account', account), free: FREE_FAILURES.account },
    { key: key('address', address), free: FREE_FAILURES.address },
  ];
}
