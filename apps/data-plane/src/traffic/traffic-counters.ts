/**
 * What this process serves each project, in slots of ten seconds: how many requests, how many of them failed by our fault,
 * and how long they took. Nothing else of a request is kept. The counts of a slot are absolute, so that writing them twice
 * does no harm, and they are kept until they have been written, in bounded memory.
 */
import type { ServedTraffic } from '#control-database';
import { bucketOf, latencyBucketsMs } from '#platform';

const SLOT_MS = 10_000;
/** Projects times slots that are kept; beyond, the oldest slot is forgotten. Some 15 MiB. */
const MAX_KEPT = 30_000;

interface Served {
  requests: number;
  serverErrors: number;
  readonly latency: Uint32Array;
  /** How many requests the counts had when they were last written. */
  recorded: number;
}

/** Counts that are to be written, and what to say when they have been. */
export interface UnrecordedTraffic {
  readonly served: readonly ServedTraffic[];
  recorded(): void;
}

export class TrafficCounters {
  private readonly slots = new Map<number, Map<string, Served>>();
  private current = new Map<string, Served>();
  private currentStart = -Infinity;
  private kept = 0;

  /** `maxKept` is for tests. */
  constructor(private readonly maxKept = MAX_KEPT) {}

  /** Counts one answered request, at `now` in ms since 1970. */
  count(projectId: string, status: number, elapsedMs: number, now = Date.now()): void {
    if (now < this.currentStart || now >= this.currentStart + SLOT_MS) this.openSlot(now);
    const served = this.current.get(projectId) ?? this.add(projectId);
    if (served === undefined) return;
    served.requests++;
    if (status >= 500) served.serverErrors++;
    served.latency[bucketOf(elapsedMs)]!++;
  }

  /** What has changed since it was last written, the oldest first and at most `limit`; undefined when nothing has. */
  unrecorded(limit: number): UnrecordedTraffic | undefined {
    const changed: { served: Served; requests: number; row: ServedTraffic }[] = [];
    for (const [start, projects] of this.slots) {
      const since = new Date(start);
      for (const [projectId, served] of projects) {
        if (served.requests === served.recorded) continue;
        if (changed.length === limit) break;
        const { requests, serverErrors, latency } = served;
        changed.push({ served, requests, row: { projectId, since, requests, serverErrors, latency: [...latency] } });
      }
    }
    if (changed.length === 0) return undefined;
    return {
      served: changed.map(({ row }) => row),
      recorded: () => {
        for (const { served, requests } of changed) served.recorded = requests;
        this.forgetRecorded();
      },
    };
  }

  private add(projectId: string): Served | undefined {
    if (this.kept >= this.maxKept && !this.forgetOldest()) return undefined;
    const latency = new Uint32Array(latencyBucketsMs.length + 1);
    const served = { requests: 0, serverErrors: 0, latency, recorded: 0 };
    this.current.set(projectId, served);
    this.kept++;
    return served;
  }

  /** A slot may come again, when somebody has set back the clock. */
  private openSlot(now: number): void {
    this.currentStart = now - (now % SLOT_MS);
    this.current = this.slots.get(this.currentStart) ?? new Map<string, Served>();
    this.slots.set(this.currentStart, this.current);
  }

  /** Slots that are over and have been written to the last request. */
  private forgetRecorded(): void {
    for (const [start, projects] of this.slots) {
      if (projects === this.current) continue;
      if ([...projects.values()].every(({ requests, recorded }) => requests === recorded)) this.forget(start, projects);
    }
  }

  /** False when there is only the slot of this moment. */
  private forgetOldest(): boolean {
    for (const [start, projects] of this.slots) {
      if (projects === this.current) continue;
      this.forget(start, projects);
      return true;
    }
    return false;
  }

  private forget(start: number, projects: ReadonlyMap<string, Served>): void {
    this.slots.delete(start);
    this.kept -= projects.size;
  }
}
