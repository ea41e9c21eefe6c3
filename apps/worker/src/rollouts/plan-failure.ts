import { createHash } from 'node:crypto';
import type { ProjectOutcome } from '#control-database';
import type { SchemaFailure } from '#tenant-schema';

const firstPauseMs = 500;
const longestPauseMs = 60_000;
const firstLockTimeoutMs = 200;
const longestLockTimeoutMs = 2_000;
/** Four seconds. */
const longestServerTimes = 4;

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

/** As `retryPauseMs`, for a server that cannot be reached: it is asked often enough to be used soon when it is back. */
export function serverPauseMs(times: number, chance: number): number {
  return retryPauseMs(Math.min(times, longestServerTimes), chance);
}

/**
 * What becomes of a project whose try number `attempt` has failed: transient failures are tried again until the plan's
 * tries are used up, all others count at once. What stands in the way of a try (see `obstacleTo`) is no try of ours, and is
 * waited for: for as long as its patience lasts, and then it is a failure, since nobody would hear of it otherwise.
 */
export function planFailure(
  failure: SchemaFailure,
  { attempt, attempts, chance, obstacle }: FailedTry,
): Pick<ProjectOutcome, 'state' | 'tried' | 'error' | 'errorFingerprint' | 'dueInMs' | 'waitsFor'> {
  const recorded = { error: failure, errorFingerprint: failureFingerprint(failure) };
  const again = (waitsFor: 'retry' | 'server', dueInMs: number) =>
    ({ ...recorded, state: 'pending', waitsFor, dueInMs }) as const;
  const failed = { ...recorded, state: 'failed', tried: true } as const;
  if (obstacle !== undefined) {
    const { kind, times, forMs, patienceMs } = obstacle;
    if (forMs >= patienceMs) return failed;
    return kind === 'server'
      ? again('server', serverPauseMs(times, chance))
      : again('retry', retryPauseMs(times, chance));
  }
  if (!failure.isTransient || attempt >= attempts) return failed;
  return { ...again('retry', retryPauseMs(attempt, chance)), tried: true };
}

interface FailedTry {
  /** Its number, from 1. */
  readonly attempt: number;
  /** How many the plan allows. */
  readonly attempts: number;
  /** From 0 to 1. */
  readonly chance: number;
  /** When `obstacleTo` says so of the failure. */
  readonly obstacle?: Obstacle | undefined;
}

/** Something stood in the way of a try, so many times in a row and for so long now. */
export interface Obstacle {
  readonly kind: ObstacleKind;
  readonly times: number;
  readonly forMs: number;
  /** How long it may. */
  readonly patienceMs: number;
}

/**
 * `others` are at work on the database: what a dead worker had begun is still being ended there, or the database is being
 * dropped or put elsewhere. The `server` of the database cannot be reached, or takes no connections now.
 */
export type ObstacleKind = 'others' | 'server';

/**
 * What kept the try from being one; undefined when it was one. `connected`: whether there was a connection into the database.
 * Who has none has tried nothing: a database that is not there any more will not be the project's when it is asked about again.
 */
export function obstacleTo(
  { code, statement, isTransient }: SchemaFailure,
  connected: boolean,
): ObstacleKind | undefined {
  if (!connected) {
    if (isGone.test(code)) return 'others';
    // The administrator's own login, which all databases of the server share.
    return isTransient || code.startsWith('28') ? 'server' : undefined;
  }
  // The lock of migrations itself was not to be had, or the schema changed under our hands.
  const isHeld = (code === '55P03' && statement === undefined) || code === 'unexpected-schema' || code === 'busy';
  return isHeld ? 'others' : undefined;
}

/** There is no such database, or it does not take connections any more (https://www.postgresql.org/docs/18/errcodes-appendix.html). */
const isGone = /^(3D000|55000)$/;

/** Equal for failures of the same kind: of the same statement of the same migration, with the same code. */
export function failureFingerprint({ migration, statement, code }: SchemaFailure): string {
  const kind = [migration ?? '', statement?.number ?? 0, code];
  return createHash('sha256').update(JSON.stringify(kind)).digest('hex').slice(0, 12);
}
