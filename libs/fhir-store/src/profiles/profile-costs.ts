/**
 * What the profiles of a project may cost. While one is read or a resource is held to it, the process does nothing else, so
 * a project whose profiles run out of time again and again is kept from trying the next one.
 */
import { LRUCache } from 'lru-cache';
import { tooCostly, unavailable, type OutcomeError } from '#fhir';

/** How often profiles of a project may run out of time within the period; then all are refused until it is over. */
const maxTimes = 3;
const periodMs = 10_000;

/** By project, how often it has happened in the period that began with the first time. */
const times = new LRUCache<string, number>({ max: 10_000, ttl: periodMs, noUpdateTTL: true });

/** Throws `too-costly` when profiles of the project have lately run out of time too often. */
export function assertAffordable(projectId: string): void {
  if ((times.get(projectId) ?? 0) >= maxTimes) throw tooLong();
}

/**
 * What one request may spend on reading definitions, and what it may spend on holding resources to them: one of each may take
 * half a second, and there may be hundreds of the one and thousands of the other.
 */
export class ProfileTime {
  private spentMs = 0;

  /** Time of the processor; a hundred ordinary definitions take three seconds at the most, ten thousand resources less. */
  constructor(
    private readonly projectId: string,
    private readonly maxMs = 5_000,
  ) {}

  /** Does `work`. Throws `too-costly`, with nothing done, when what was done before has taken all of the time. */
  spend<Result>(work: () => Result): Result {
    assertAffordable(this.projectId);
    if (this.spentMs > this.maxMs) throw ranOut(this.projectId, 'itself');
    const before = process.cpuUsage();
    try {
      return work();
    } finally {
      const { user, system } = process.cpuUsage(before);
      this.spentMs += (user + system) / 1_000;
    }
  }
}

/**
 * What a request is answered whose profiles ran out of time: 503 when the machine had too much else to do, else `too-costly`.
 * `resting`: nothing was tried, because it was too costly a moment ago.
 */
export function ranOut(projectId: string, why: 'itself' | 'resting' | 'waiting'): OutcomeError {
  if (why === 'waiting') return unavailable('The profiles of the resource could not be checked in time; try again');
  if (why === 'itself') times.set(projectId, (times.get(projectId) ?? 0) + 1);
  return tooLong();
}

const tooLong = (): OutcomeError => tooCostly('The profiles of the resource take too long to be checked');
