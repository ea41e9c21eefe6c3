import { systemClock, type Clock } from '#platform';
import type { TenantDatabase } from '../tenant-database.js';
import { expireAudit } from './retention.js';
import { upkeep } from './upkeep.js';

export interface TenantUpkeepOptions {
  /** Told when it could not be done. Nothing is lost: the next one covers this one's work as well. */
  onFailure(projectId: string, error: unknown): void;
  /** Told when it was done: the database is in use, and what else it needs can be done now. */
  onDone?(projectId: string): void;
  clock?: Clock;
}

/**
 * How long a database waits for its upkeep, and how long after one the next may begin. A seal a second is as good as ten:
 * each costs the same however few rows it covers. A new project's first answers need not wait behind its first seal.
 */
const everyMs = 1_000;
/** How often it is looked whether entries have become too old, and how soon again when there were some or it failed. */
const expiryEveryMs = 3_600_000;
const furtherExpiryAfterMs = 10_000;

interface Due {
  /** The project's tenant database as last seen. */
  tenant: TenantDatabase;
  timer?: NodeJS.Timeout | undefined;
  running?: Promise<void>;
  /** Whether it was written to since the running upkeep began. */
  again: boolean;
}

/**
 * The upkeep of the tenant databases that are written to: seals, statistics, removal of audit that is too old. Kept by
 * project, and only while there is something to do.
 */
export class TenantUpkeep {
  private readonly due = new Map<string, Due>();
  private readonly clock: Clock;
  /** When it is to be looked again whether entries have become too old. */
  private readonly nextExpiry = new WeakMap<TenantDatabase, number>();

  constructor(private readonly options: TenantUpkeepOptions) {
    this.clock = options.clock ?? systemClock;
  }

  /** Has the upkeep of this database done within a moment. Returns at once and never throws. */
  soon(tenant: TenantDatabase): void {
    const { projectId } = tenant;
    const due = this.due.get(projectId) ?? { tenant, again: false };
    this.due.set(projectId, due);
    due.tenant = tenant;
    if (due.running !== undefined) due.again = true;
    else due.timer ??= setTimeout(() => void this.run(due), everyMs);
  }

  /** Does what is due now; resolves when each was tried once. For the shutdown. */
  async flush(): Promise<void> {
    await Promise.all(
      [...this.due.values()].map(async (due) => {
        await due.running;
        if (this.due.get(due.tenant.projectId) === due) await this.run(due);
      }),
    );
  }

  private run(due: Due): Promise<void> {
    clearTimeout(due.timer);
    due.timer = undefined;
    due.again = false;
    due.running ??= this.carryOut(due.tenant).then(() => {
      delete due.running;
      if (due.again) this.soon(due.tenant);
      else this.due.delete(due.tenant.projectId);
    });
    return due.running;
  }

  /** Never rejects: whoever wrote has long been answered. */
  private async carryOut(tenant: TenantDatabase): Promise<void> {
    try {
      await tenant.use(upkeep);
      await this.expire(tenant);
      this.options.onDone?.(tenant.projectId);
    } catch (error) {
      this.options.onFailure(tenant.projectId, error);
    }
  }

  private async expire(tenant: TenantDatabase): Promise<void> {
    const now = this.clock.now().getTime();
    if (now < (this.nextExpiry.get(tenant) ?? 0)) return;
    this.nextExpiry.set(tenant, now + furtherExpiryAfterMs);
    const removed = await expireAudit(tenant);
    if (removed === 0) this.nextExpiry.set(tenant, now + expiryEveryMs);
  }
}
