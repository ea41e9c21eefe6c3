import type { Logger } from '#platform';
import type { SchemaFailure } from '#tenant-schema';
import { type Obstacle, type ObstacleKind, obstacleTo, serverPauseMs } from './plan-failure.js';

/** Longer than a server needs to be restarted or replaced by its standby. */
const serverPatienceMs = 5 * 60_000;

/**
 * How long others may be at work in a database beyond what one of their statements may take: a worker that stands still is
 * cut off after ten seconds, and has ended something then.
 */
export const contentionEndsAfterMs = 30_000;

/** A little longer than it is waited for a connection. */
const longestTryMs = 6_000;

interface Place {
  readonly projectId: string;
  readonly clusterId: string;
}

/**
 * What stands in the way of this worker's rollout: in databases, where others are at work, and at servers that cannot be
 * reached, with all their databases. A server that was not reached just now is left alone for a moment.
 */
export class Obstacles {
  private readonly databases = new Encounters('others');
  private readonly servers = new Encounters('server');
  private readonly leftAlone = new Map<string, number>();

  constructor(private readonly logger: Logger) {}

  /** What a failed try has met, if it was no try; `patienceMs` is how long others may be at work on the database. */
  meet(failure: SchemaFailure, connected: boolean, place: Place, patienceMs: number): Obstacle | undefined {
    const { projectId, clusterId } = place;
    const kind = obstacleTo(failure, connected);
    // A server that says that there is no such database is there.
    if (connected || kind === 'others') this.reached(clusterId);
    if (kind !== 'others') this.databases.forget(projectId);
    if (kind === undefined) return undefined;
    const isServer = kind === 'server';
    const met = isServer ? this.servers.add(clusterId, serverPatienceMs) : this.databases.add(projectId, patienceMs);
    if (isServer) this.leftAlone.set(clusterId, performance.now() + serverPauseMs(met.times, 0));
    if (met.times === 1) {
      const message = isServer
        ? 'the server of a tenant database cannot be reached'
        : 'others are at work in its database';
      this.logger.warn({ project: projectId, cluster: clusterId, code: failure.code }, message);
    }
    return met;
  }

  /** Nothing stood in the way. */
  pass({ projectId, clusterId }: Place): void {
    this.databases.forget(projectId);
    this.reached(clusterId);
  }

  /** There is a connection to the server. */
  reached(clusterId: string): void {
    this.servers.forget(clusterId);
    this.leftAlone.delete(clusterId);
  }

  /** The project has failed; when it is tried again, others may be at work on its database for as long again. */
  giveUp({ projectId }: Place): void {
    this.databases.forget(projectId);
  }

  /** Whether to connect to the cluster now. To one that was not reached last one connection at a time is tried. */
  mayTry(clusterId: string): boolean {
    if (!this.servers.has(clusterId)) return true;
    if (this.away().includes(clusterId)) return false;
    this.leftAlone.set(clusterId, performance.now() + longestTryMs);
    return true;
  }

  /** The clusters that are left alone now. */
  away(): string[] {
    const now = performance.now();
    return [...this.leftAlone].flatMap(([clusterId, until]) => (until > now ? [clusterId] : []));
  }
}

/** How often and since when something was met, in a row, by the place. */
class Encounters {
  private readonly met = new Map<string, { readonly since: number; readonly times: number }>();

  constructor(private readonly kind: ObstacleKind) {}

  add(place: string, patienceMs: number): Obstacle {
    const now = performance.now();
    const { since, times } = this.met.get(place) ?? { since: now, times: 0 };
    this.met.set(place, { since, times: times + 1 });
    return { kind: this.kind, times: times + 1, forMs: now - since, patienceMs };
  }

  has(place: string): boolean {
    return this.met.has(place);
  }

  forget(place: string): void {
    this.met.delete(place);
  }
}
