import { createHash } from 'node:crypto';
import type { ProjectOutcome } from '#control-database';
import type { SchemaFailure } from '#tenant-schema';

const firstPauseMs = 500;
const longestPauseMs = 60_000;
const firstLockTimeoutMs = 200;
const longestLockTimeoutMs = 2_000;

/**
 * How long the try number `attempt` (from 1) lets a statement wait for a lock: 200 ms at first, in the end 2 s, a little
 * more or less by `chance` (0 to 1). While a statement waits for a table, the project's own requests for it queue behind.
 */
export function lockTimeoutMs(attempt: number, chance: number): number {
  return Math.round(Math.min(firstLockTimeoutMs * 2 ** (attempt - 1), longestLockTimeoutMs) * (0.85 + 0.15 * chance));
}

/**
 * How long to leave a project alone after its try number `attempt` has failed: half a second, then twice as long each
 * time, up to a minute; between half and all of that by `chance`, so that projects do not come back all together.
 */
export function retryPauseMs(attempt: number, chance: number): number {
  return Math.round(Math.min(firstPauseMs * 2 ** (attempt - 1), longestPauseMs) * (0.5 + chance / 2));
}

/**
 * What becomes of a project whose try number `attempt` has failed: transient failures are tried again until the plan's
 * tries are used up, all others count at once. That somebody else is at work on the same database (what a dead worker had
 * begun is still being ended there) is no try of ours, and is waited for: for as long as what a worker has sent can last,
 * and then it is a failure, since nobody would hear of it otherwise.
 */
export function planFailure(
  failure: SchemaFailure,
  { attempt, attempts, chance, contention }: FailedTry,
): Pick<ProjectOutcome, 'state' | 'tried' | 'error' | 'errorFingerprint' | 'dueInMs' | 'waitsFor'> {
  const recorded = { error: failure, errorFingerprint: failureFingerprint(failure) };
  const again = (times: number) =>
    ({ ...recorded, state: 'pending', waitsFor: 'retry', dueInMs: retryPauseMs(times, chance) }) as const;
  const failed = { ...recorded, state: 'failed', tried: true } as const;
  if (contention !== undefined) return contention.forMs < contention.patienceMs ? again(contention.times) : failed;
  return !failure.isTransient || attempt >= attempts ? failed : { ...again(attempt), tried: true };
}

interface FailedTry {
  /** Its number, from 1. */
  readonly attempt: number;
  /** How many the plan allows. */
  readonly attempts: number;
  /** From 0 to 1. */
  readonly chance: number;
  /** When `isContention` says so of the failure. */
  readonly contention?: Contention | undefined;
}

/** Others were found at work on the database, so many times in a row and for so long now. */
export interface Contention {
  readonly times: number;
  readonly forMs: number;
  /** How long they may be. */
  readonly patienceMs: number;
}

/** The lock of migrations itself was not to be had, or the schema changed under our hands. */
export const isContention = ({ code, statement }: SchemaFailure): boolean =>
  (code === '55P03' && statement === undefined) || code === 'unexpected-schema' || code === 'busy';

/** Equal for failures of the same kind: of the same statement of the same migration, with the same code. */
export function failureFingerprint({ migration, statement, code }: SchemaFailure): string {
  const kind = [migration ?? '', statement?.number ?? 0, code];
  return createHash('sha256').update(JSON.stringify(kind)).digest('hex').slice(0, 12);
}
