import { unavailable } from '#fhir';
import { systemClock, type Clock } from '#platform';
import type { TenantDatabase } from '../tenant-database.js';
import { recordAudit, type AuditEntry } from './audit.sql.js';
import { TenantUpkeep } from './tenant-upkeep.js';

export interface ReadAuditOptions {
  /** Told when a batch could not be written or sealed. `lost` entries were given up, the others will be tried again. */
  onFailure(projectId: string, error: unknown, lost: number): void;
  /** Told when the upkeep of a tenant's database was done, which is in use: what else it needs can be done now. */
  onUpkeep?(projectId: string): void;
  /** Milliseconds that an entry waits for others at most. */
  maxWaitMs?: number;
  /** Entries of one tenant that are written without waiting any longer. */
  maxBatch?: number;
  clock?: Clock;
}

/** For a tenant whose database cannot be written to, this many entries are kept; the oldest are given up first. */
const maxKept = 10_000;
const retryAfterMs = 1_000;

interface Queue {
  /** The project's tenant database as last seen: a project that moves takes its unwritten entries along. */
  tenant: TenantDatabase;
  entries: AuditEntry[];
  /** How many entries it has taken, and how many of them are written or were given up. */
  taken: number;
  settled: number;
  timer?: NodeJS.Timeout;
  writing?: Promise<void>;
}

/**
 * The audit of what changes nothing: reads, searches, log-ins. Entries of one tenant are written together, at the latest
 * after `maxWaitMs`, so that auditing costs a read next to nothing; a process that is killed loses at most that window.
 * The upkeep of the tenant database (see TenantUpkeep) follows, and covers the writes of other requests as well.
 *
 * Queues are kept by project, so that one tenant's entries cannot reach another's database, and go away when empty.
 */
export class ReadAudit {
  private readonly queues = new Map<string, Queue>();
  private readonly maxWaitMs: number;
  private readonly maxBatch: number;
  private readonly clock: Clock;
  private readonly upkeep: TenantUpkeep;

  constructor(private readonly options: ReadAuditOptions) {
    this.maxWaitMs = options.maxWaitMs ?? 200;
    this.maxBatch = options.maxBatch ?? 500;
    this.clock = options.clock ?? systemClock;
    this.upkeep = new TenantUpkeep({
      onFailure: (projectId, error) => options.onFailure(projectId, error, 0),
      onDone: (projectId) => options.onUpkeep?.(projectId),
      clock: this.clock,
    });
  }

  /** Queues an entry, with this moment as its time; returns at once and never throws. The entry is kept, not copied. */
  record(tenant: TenantDatabase, entry: AuditEntry): void {
    const queue = this.queueOf(tenant);
    entry.at = this.clock.now().getTime();
    queue.entries.push(entry);
    queue.taken++;
    this.schedule(queue, queue.entries.length >= this.maxBatch ? 0 : this.maxWaitMs);
  }

  /** Has the upkeep done. For writes: their own statements have recorded them already. */
  sealSoon(tenant: TenantDatabase): void {
    const queue = this.queues.get(tenant.projectId);
    if (queue !== undefined) queue.tenant = tenant;
    this.upkeep.soon(tenant);
  }

  /**
   * Resolves when all that has been recorded for the tenant is in its database, for answers that must not go out before.
   * Those who wait at the same time share a statement. Throws OutcomeError `unavailable` when it could not be written.
   */
  async written(tenant: TenantDatabase): Promise<void> {
    const queue = this.queues.get(tenant.projectId);
    if (queue === undefined) return;
    const { taken } = queue;
    // What was taken during a write goes with the next one.
    await queue.writing;
    if (queue.settled < taken) await this.write(queue);
    if (queue.settled < taken) throw unavailable('The audit could not be written; try again');
  }

  /** Writes what is queued, of all tenants, and does the upkeep; resolves when each was tried once. For the shutdown. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.queues.values()].map(async (queue) => {
        await queue.writing;
        await this.write(queue);
      }),
    );
    await this.upkeep.flush();
  }

  private queueOf(tenant: TenantDatabase): Queue {
    let queue = this.queues.get(tenant.projectId);
    if (queue === undefined) this.queues.set(tenant.projectId, (queue = { tenant, entries: [], taken: 0, settled: 0 }));
    queue.tenant = tenant;
    return queue;
  }

  private schedule(queue: Queue, waitMs: number): void {
    // What arrives during a write is scheduled when that write has ended.
    if (queue.writing !== undefined) return;
    if (queue.timer !== undefined && waitMs > 0) return;
    clearTimeout(queue.timer);
    queue.timer = setTimeout(() => void this.write(queue), waitMs);
  }

  /** Writes one batch. Never rejects: whoever asked for the entries has long been answered. */
  private write(queue: Queue): Promise<void> {
    clearTimeout(queue.timer);
    queue.timer = undefined;
    queue.writing ??= this.writeBatch(queue).then((waitMs) => {
      queue.writing = undefined;
      const isFull = queue.entries.length >= this.maxBatch && waitMs === this.maxWaitMs;
      if (queue.entries.length > 0) this.schedule(queue, isFull ? 0 : waitMs);
      else this.queues.delete(queue.tenant.projectId);
    });
    return queue.writing;
  }

  /** Resolves with the milliseconds to wait before the next batch. */
  private async writeBatch(queue: Queue): Promise<number> {
    const { tenant, entries } = queue;
    queue.entries = [];
    try {
      if (entries.length > 0) await tenant.use((connection) => recordAudit(connection, entries));
      queue.settled += entries.length;
    } catch (error) {
      const kept = [...entries, ...queue.entries];
      const lost = Math.max(0, kept.length - maxKept);
      queue.entries = kept.slice(lost);
      queue.settled += lost;
      this.options.onFailure(tenant.projectId, error, lost);
      return retryAfterMs;
    }
    this.upkeep.soon(tenant);
    return this.maxWaitMs;
  }
}
