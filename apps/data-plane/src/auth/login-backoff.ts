/**
 * Slows down guessing of passwords, codes and client secrets. Failures are counted for the account from one address, for
 * the account from anywhere and for the address, in the database of the project, so that all replicas count together; and
 * for the address at all projects together, in this process. The first few cost nothing, then each doubles the time for
 * which the account is not even looked up. An attempt at a password or a code counts when it begins, so that many at the
 * same time are not all checked before the first has failed; a client's secret cannot be guessed like that, and its
 * requests may well come all at once. A success forgets what was counted for the account; the counts of the address only
 * get the attempt back, so that somebody with an account cannot guess at others from there without end.
 *
 * An address is one network, often of many people and machines, so what is counted for it holds back nobody whom it need
 * not: registrations and wishes for links count apart from log-ins, and clients with their secrets not at all.
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
  /**
   * What is guessed: something that a person chose, a one-time code, or 256 random bits. `none`: nothing is, but what
   * anybody may ask for is slowed down the same way; it counts whatever becomes of it.
   */
  readonly secret: 'password' | 'code' | 'generated' | 'none';
}

/** One of them is to be called when the outcome is known. */
export interface BegunAttempt {
  failed(): Promise<void>;
  succeeded(): Promise<void>;
  /** Nobody had the time to look at the secret: it counts as if it had not been tried. */
  unchecked(): Promise<void>;
}

type Place = Pick<TenantRuntime, 'database'>;

export class LoginBackoff {
  private readonly everywhere: AddressFailures;

  constructor(clock: Clock) {
    this.everywhere = new AddressFailures(clock);
  }

  /**
   * Begins an attempt at an account of the project. Throws `too-many-requests` with the seconds to wait while attempts are
   * held back. The same is asked of the database whether there is such an account or not.
   */
  begin(place: Place, attempt: LoginAttempt): Promise<BegunAttempt> {
    const from = { ...attempt, address: networkOf(attempt.address) };
    return attempt.secret === 'generated' ? beginUncounted(place, from) : this.beginCounted(place, from);
  }

  private async beginCounted({ database }: Place, attempt: LoginAttempt): Promise<BegunAttempt> {
    const kind = attempt.secret === 'none' ? 'requests' : 'log-ins';
    const everywhere = `${kind} ${attempt.address}`;
    assertNoWait(this.everywhere.waitMs(everywhere));
    const ofAccount = subjectsOfAccount(attempt);
    const ofAddress = { key: keyOf(kind, attempt.address), free: FREE_FAILURES.address };
    const { waitMs, beganAt } = await database.use((connection) =>
      beginLoginAttempt(connection, [...ofAccount, ofAddress], true),
    );
    assertNoWait(waitMs);
    const countedAs = this.everywhere.count(everywhere);
    const takeBack = (forgotten: Buffer[], uncounted: Buffer[]): Promise<void> => {
      this.everywhere.uncount(everywhere, countedAs);
      return database.use((connection) => forgetLoginAttempts(connection, forgotten, uncounted, beganAt));
    };
    return {
      // It has counted since it began.
      failed: () => Promise.resolve(),
      succeeded: () => takeBack(keysOf(ofAccount), [ofAddress.key]),
      unchecked: () => takeBack([], [...keysOf(ofAccount), ofAddress.key]),
    };
  }
}

/** Nothing is counted for the address: the secret is not found by trying, and the right one is to pass at all times. */
async function beginUncounted({ database }: Place, attempt: LoginAttempt): Promise<BegunAttempt> {
  const subjects = subjectsOfAccount(attempt);
  const { waitMs, counted } = await database.use((connection) => beginLoginAttempt(connection, subjects, false));
  assertNoWait(waitMs);
  return {
    failed: async () => {
      await database.use((connection) => beginLoginAttempt(connection, subjects, true));
    },
    succeeded: async () => {
      if (counted === 0) return;
      await database.use((connection) => forgetLoginAttempts(connection, keysOf(subjects), [], null));
    },
    unchecked: () => Promise.resolve(),
  };
}

function assertNoWait(waitMs: number): void {
  if (waitMs === 0) return;
  throw new DomainError('too-many-requests', 'too-many-logins', 'Too many failed log-ins. Try again later.', {
    retryAfterSeconds: Math.ceil(waitMs / 1000),
  });
}

/** The account from one address, and from anywhere. */
function subjectsOfAccount({ account, address }: LoginAttempt): AttemptSubject[] {
  return [
    { key: keyOf('both', account, address), free: FREE_FAILURES.accountAndAddress },
    { key: keyOf('account', account), free: FREE_FAILURES.account },
  ];
}

/** Kept as hashes: what people type for their address is nobody's business. */
const keyOf = (...parts: string[]): Buffer => sha256(JSON.stringify(parts));

const keysOf = (subjects: readonly AttemptSubject[]): Buffer[] => subjects.map(({ key }) => key);
