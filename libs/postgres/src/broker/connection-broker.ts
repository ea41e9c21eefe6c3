import type { Connection, DatabaseTarget } from '../connection.js';
import { Lease, SharedLease } from '../lease.js';
import { Session, type OpenSession } from '../session.js';
import { busy, moved, shuttingDown, unreachable } from './broker-errors.js';
import type { Slot, TenantConnections, Waiter } from './books.js';
import { ConnectionStock } from './connection-stock.js';
import { workOn } from './work-on.js';

export interface ConnectionBrokerOptions {
  /** Hard cap of connections per cluster, those being opened or closed included, until `setCap` gives it another. */
  maxConnections: number;
  /** Most connections of one tenant; by default 2. */
  perTenant?: number;
  /** The same while more than half of the cluster's connections are free; by default no more than that. */
  perTenantWithRoom?: number;
  /** Most connections of one cluster being opened at a time; by default 4, since a machine does not get faster by more. */
  maxDials?: number;
  /** How long a caller waits for a connection, by default 1,000 ms. */
  queueDeadlineMs?: number;
  /** How long an unused connection is kept, by default 10 minutes. */
  idleTimeoutMs?: number;
  /** Opens a connection; a test may put another one here. */
  dial?: (target: DatabaseTarget) => Promise<OpenSession>;
  /** Milliseconds of a clock that never goes back; a test may put another one here. */
  now?: () => number;
}

/**
 * A deadline that is noticed so late was missed by this process, which stood still (it loaded the definitions of a FHIR
 * version, say) and has not looked yet at what came meanwhile. It is put off once, by as much.
 */
const stoodStillMs = 50;
/** Callers on one connection at most. Each waits for those before it, so many more would only move the queue. */
const maxSharers = 16;

/**
 * Lends connections to the databases of very many tenants, of which only as many as the cluster's cap are open. Per
 * tenant callers are served in the order they came. Tenants that wait for a connection are served in turn, those that
 * have none first. At the cap the connection that has been idle longest, of whichever tenant, gives way; when none is
 * idle, a connection that is given back does, if the waiting tenant has waited longer than the next caller of its own.
 * Work in flight is never cut. While a tenant has an idle connection, `use` is a few synchronous steps.
 */
export class ConnectionBroker {
  private readonly stock: ConnectionStock;
  private readonly queueDeadlineMs: number;
  private readonly now: () => number;
  private arrivals = 0;
  private closed = false;

  constructor(options: ConnectionBrokerOptions) {
    const { maxConnections, perTenant = 2, perTenantWithRoom = perTenant } = options;
    this.queueDeadlineMs = options.queueDeadlineMs ?? 1_000;
    this.now = options.now ?? (() => performance.now());
    this.stock = new ConnectionStock({
      maxConnections,
      limits: { perTenant, perTenantWithRoom },
      maxDials: options.maxDials ?? 4,
      queueDeadlineMs: this.queueDeadlineMs,
      idleTimeoutMs: options.idleTimeoutMs ?? 600_000,
      dial: options.dial ?? ((target) => Session.open(target)),
      now: this.now,
      lendNew: (slot, waiter) => this.serve(slot, waiter),
    });
  }

  /**
   * Lends `work` a connection to the target's database until its promise settles. Session state (SET, temporary tables,
   * session locks) must not outlive `work`. Rejects with what `work` rejects with, or with a DomainError `unavailable`:
   * `database-busy` when no connection became free in time, `database-unreachable` when none can be opened,
   * `database-moved` and `shutting-down` when the tenant or the broker is being closed.
   */
  use<T>(target: DatabaseTarget, work: (connection: Connection) => Promise<T>): Promise<T> {
    const tenant = this.stock.find(target.key);
    const slot = tenant === undefined ? undefined : this.stock.takeIdle(tenant);
    return slot === undefined ? this.wait(target, work, 'alone') : this.lend(slot, work);
  }

  /**
   * Like `use`, for work that sends one statement which the server answers at once. Several such callers share a
   * connection when the tenant has no idle one: their statements travel together and are answered in order, so the
   * server never waits for a round trip between two of them. Nobody joins while anybody waits for a connection.
   */
  share<T>(target: DatabaseTarget, work: (connection: Connection) => Promise<T>): Promise<T> {
    const tenant = this.stock.find(target.key);
    const slot = tenant === undefined ? undefined : this.slotToShare(tenant);
    return slot === undefined ? this.wait(target, work, 'together') : this.lendTogether(slot, work);
  }

  /**
   * Opens a tenant's first connection ahead of its first caller, unless that would take away anybody else's, and does
   * `rehearse` there. What goes wrong is for that caller to hear.
   */
  prepare(target: DatabaseTarget, rehearse: (connection: Connection) => Promise<void> = () => Promise.resolve()): void {
    if (this.stock.find(target.key) !== undefined || !this.stock.hasRoom(target.clusterId)) return;
    this.use(target, rehearse).catch(() => undefined);
  }

  /**
   * Changes the cap of a cluster. When it falls, idle connections are closed now, those unused longest first, and lent
   * ones when they are given back, until there are no more than allowed; work in flight is not cut.
   */
  setCap(clusterId: string, cap: number): void {
    this.stock.setCap(clusterId, cap);
  }

  /** How many places at each cluster's server are taken, by its id. */
  openByCluster(): Record<string, number> {
    return this.stock.openByCluster();
  }

  /**
   * Closes the connections of every target whose key starts with `keyPrefix`: idle ones now, lent ones when they are
   * given back, and refuses those who wait. Resolves when all are closed. A later `use` opens new ones.
   */
  async closeTenant(keyPrefix: string): Promise<void> {
    await this.stock.retire(keyPrefix, moved);
  }

  /** Counts over all clusters; `open` includes what is being opened or closed. */
  stats(): { open: number; idle: number; waiting: number; dialling: number } {
    return this.stock.stats();
  }

  /** Refuses new work and those who wait, and resolves when the work in flight is done and every connection closed. */
  async close(): Promise<void> {
    this.closed = true;
    this.stock.stop();
    await this.stock.retire('', shuttingDown);
  }

  private slotToShare(tenant: TenantConnections): Slot | undefined {
    const idle = this.stock.takeIdle(tenant);
    if (idle !== undefined) return idle;
    if (tenant.waiters.size > 0 || tenant.cluster.cold.size > 0) return undefined;
    let least: Slot | undefined;
    for (const slot of tenant.shared) if (least === undefined || slot.sharers < least.sharers) least = slot;
    return least === undefined || least.sharers >= maxSharers || least.session.broken ? undefined : least;
  }

  private lend<T>(slot: Slot, work: (connection: Connection) => Promise<T>): Promise<T> {
    return workOn(new Lease(slot.session), work, (lease) => this.takeBack(slot, lease));
  }

  private lendTogether<T>(slot: Slot, work: (connection: Connection) => Promise<T>): Promise<T> {
    slot.tenant.shared.add(slot);
    slot.sharers++;
    return workOn(new SharedLease(slot.session), work, (lease) => {
      slot.sharers--;
      if (slot.sharers > 0) {
        lease.end();
        return;
      }
      slot.tenant.shared.delete(slot);
      this.takeBack(slot, lease);
    });
  }

  private takeBack(slot: Slot, lease: Lease | SharedLease): void {
    lease.end();
    // Work that gave up early may have left statements on their way; the next caller must not wait behind them unseen.
    if (slot.session.pending > 0) slot.session.whenDrained(() => this.release(slot));
    else this.release(slot);
  }

  private release(slot: Slot): void {
    const { tenant } = slot;
    if (slot.session.broken || !slot.session.isQuiet || tenant.retired || tenant.cluster.excess > 0) {
      this.stock.discard(slot);
      return;
    }
    const waiter = tenant.firstWaiter;
    if (waiter === undefined) this.stock.park(slot);
    else if (!this.stock.yields(slot, waiter)) this.serve(slot, waiter);
  }

  /**
   * Starts the tenant's first waiter. Those next in line start with it as long as they can share the connection; else a
   * moment of waiting would turn sharing off for as long as the load lasts.
   */
  private serve(slot: Slot, first: Waiter): void {
    first.start(slot);
    if (first.how === 'alone') return;
    for (const waiter of slot.tenant.waiters) {
      if (waiter.how === 'alone' || slot.sharers >= maxSharers) return;
      waiter.start(slot);
    }
  }

  private wait<T>(
    target: DatabaseTarget,
    work: (connection: Connection) => Promise<T>,
    how: Waiter['how'],
  ): Promise<T> {
    if (this.closed) return Promise.reject(shuttingDown());
    const tenant = this.stock.tenantOf(target);
    if (tenant.slots === tenant.dialling && tenant.breaker.state === 'open')
      return Promise.reject(unreachable(tenant.breaker));
    return new Promise<T>((resolve, reject) => {
      const leave = () => {
        clearTimeout(deadline);
        tenant.waiters.delete(waiter);
      };
      const waiter: Waiter = {
        arrival: this.arrivals++,
        how,
        start: (slot) => {
          leave();
          (how === 'alone' ? this.lend(slot, work) : this.lendTogether(slot, work)).then(resolve, reject);
        },
        fail: (error) => {
          leave();
          reject(error);
          this.stock.unwant(tenant);
        },
      };
      const due = this.now() + this.queueDeadlineMs;
      const expire = (mayWaitOn: boolean): void => {
        const lateMs = this.now() - due;
        if (mayWaitOn && lateMs > stoodStillMs) {
          deadline = setTimeout(() => expire(false), Math.min(lateMs, this.queueDeadlineMs));
        } else waiter.fail(busy(this.queueDeadlineMs));
      };
      let deadline = setTimeout(() => expire(true), this.queueDeadlineMs);
      tenant.waiters.add(waiter);
      this.stock.want(tenant);
    });
  }
}
