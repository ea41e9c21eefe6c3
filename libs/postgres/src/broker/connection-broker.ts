import type { DomainError } from '#platform';
import type { Connection, DatabaseTarget } from '../connection.js';
import { sqlState } from '../errors.js';
import { Lease, SharedLease } from '../lease.js';
import { Session, type OpenSession } from '../session.js';
import { busy, moved, shuttingDown, unreachable } from './broker-errors.js';
import { CircuitBreaker } from './circuit-breaker.js';
import { ClusterConnections, Slot, TenantConnections, type TenantLimits, type Waiter } from './books.js';
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

const sweepsPerIdleTimeout = 10;
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
  private readonly maxConnections: number;
  private readonly limits: TenantLimits;
  private readonly maxDials: number;
  private readonly queueDeadlineMs: number;
  private readonly dial: (target: DatabaseTarget) => Promise<OpenSession>;
  private readonly now: () => number;
  private readonly tenants = new Map<string, TenantConnections>();
  private readonly clusters = new Map<string, ClusterConnections>();
  /** What `setCap` has said. */
  private readonly caps = new Map<string, number>();
  private readonly sweeper: NodeJS.Timeout;
  private tick = 0;
  private arrivals = 0;
  private closed = false;

  constructor(options: ConnectionBrokerOptions) {
    this.maxConnections = options.maxConnections;
    const perTenant = options.perTenant ?? 2;
    this.limits = { perTenant, perTenantWithRoom: options.perTenantWithRoom ?? perTenant };
    this.maxDials = options.maxDials ?? 4;
    this.queueDeadlineMs = options.queueDeadlineMs ?? 1_000;
    this.dial = options.dial ?? ((target) => Session.open(target));
    this.now = options.now ?? (() => performance.now());
    const idleTimeoutMs = options.idleTimeoutMs ?? 600_000;
    this.sweeper = setInterval(() => this.sweep(), idleTimeoutMs / sweepsPerIdleTimeout).unref();
  }

  /**
   * Lends `work` a connection to the target's database until its promise settles. Session state (SET, temporary tables,
   * session locks) must not outlive `work`. Rejects with what `work` rejects with, or with a DomainError `unavailable`:
   * `database-busy` when no connection became free in time, `database-unreachable` when none can be opened,
   * `database-moved` and `shutting-down` when the tenant or the broker is being closed.
   */
  use<T>(target: DatabaseTarget, work: (connection: Connection) => Promise<T>): Promise<T> {
    const tenant = this.tenants.get(target.key);
    const slot = tenant?.idle.pop();
    if (tenant === undefined || slot === undefined) return this.wait(target, work, 'alone');
    tenant.cluster.idle.remove(slot);
    slot.isIdle = false;
    return this.lend(slot, work);
  }

  /**
   * Like `use`, for work that sends one statement which the server answers at once. Several such callers share a
   * connection when the tenant has no idle one: their statements travel together and are answered in order, so the
   * server never waits for a round trip between two of them. Nobody joins while anybody waits for a connection.
   */
  share<T>(target: DatabaseTarget, work: (connection: Connection) => Promise<T>): Promise<T> {
    const tenant = this.tenants.get(target.key);
    const slot = tenant === undefined ? undefined : this.slotToShare(tenant);
    return slot === undefined ? this.wait(target, work, 'together') : this.lendTogether(slot, work);
  }

  /**
   * Opens a tenant's first connection ahead of its first caller, unless that would take away anybody else's. What goes
   * wrong is for that caller to hear.
   */
  prepare(target: DatabaseTarget): void {
    const isKnown = this.tenants.has(target.key);
    const open = this.clusters.get(target.clusterId)?.open ?? 0;
    if (!isKnown && open < this.capOf(target.clusterId))
      this.use(target, () => Promise.resolve()).catch(() => undefined);
  }

  /**
   * Changes the cap of a cluster. When it falls, idle connections are closed now, those unused longest first, and lent
   * ones when they are given back, until there are no more than allowed; work in flight is not cut.
   */
  setCap(clusterId: string, cap: number): void {
    this.caps.set(clusterId, cap);
    const cluster = this.clusters.get(clusterId);
    if (cluster === undefined) return;
    cluster.cap = cap;
    while (cluster.excess > 0 && cluster.idle.oldest !== undefined) {
      const slot = cluster.idle.oldest;
      this.unpark(slot);
      this.discard(slot);
    }
    this.pump(cluster);
  }

  /** How many places at each cluster's server are taken, by its id. */
  openByCluster(): Record<string, number> {
    return Object.fromEntries([...this.clusters].map(([clusterId, { open }]) => [clusterId, open]));
  }

  /**
   * Closes the connections of every target whose key starts with `keyPrefix`: idle ones now, lent ones when they are
   * given back, and refuses those who wait. Resolves when all are closed. A later `use` opens new ones.
   */
  async closeTenant(keyPrefix: string): Promise<void> {
    const retired = [...this.tenants.values()].filter((tenant) => tenant.target.key.startsWith(keyPrefix));
    await Promise.all(retired.map((tenant) => this.retire(tenant, moved())));
  }

  /** Counts over all clusters; `open` includes what is being opened or closed. */
  stats(): { open: number; idle: number; waiting: number; dialling: number } {
    const stats = { open: 0, idle: 0, waiting: 0, dialling: 0 };
    for (const cluster of this.clusters.values()) {
      stats.open += cluster.open;
      stats.idle += cluster.idle.size;
      stats.dialling += cluster.dialling;
    }
    for (const tenant of this.tenants.values()) stats.waiting += tenant.waiters.size;
    return stats;
  }

  /** Refuses new work and those who wait, and resolves when the work in flight is done and every connection closed. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.sweeper);
    await Promise.all([...this.tenants.values()].map((tenant) => this.retire(tenant, shuttingDown())));
  }

  private slotToShare(tenant: TenantConnections): Slot | undefined {
    const idle = tenant.idle.pop();
    if (idle !== undefined) {
      tenant.cluster.idle.remove(idle);
      idle.isIdle = false;
      return idle;
    }
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
      this.discard(slot);
      return;
    }
    const waiter = tenant.firstWaiter;
    if (waiter === undefined) this.park(slot);
    else if (this.mustYield(slot, waiter)) this.replace(slot);
    else this.serve(slot, waiter);
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

  private park(slot: Slot): void {
    const { cluster } = slot.tenant;
    slot.isIdle = true;
    slot.idleSinceTick = this.tick;
    slot.tenant.idle.push(slot);
    cluster.idle.append(slot);
    if (cluster.cold.size > 0 || cluster.growing.size > 0) this.pump(cluster);
  }

  /** At the cap with nothing idle, a tenant without any connection gets one from a tenant whose next caller came later. */
  private mustYield(slot: Slot, waiter: Waiter): boolean {
    const { cluster } = slot.tenant;
    const starving = cluster.firstCold?.firstWaiter;
    return (
      starving !== undefined &&
      starving.arrival < waiter.arrival &&
      cluster.open >= cluster.cap &&
      cluster.dialling < this.maxDials &&
      cluster.idle.size === 0
    );
  }

  private wait<T>(
    target: DatabaseTarget,
    work: (connection: Connection) => Promise<T>,
    how: Waiter['how'],
  ): Promise<T> {
    if (this.closed) return Promise.reject(shuttingDown());
    const tenant = this.tenantOf(target);
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
          tenant.cluster.queue(tenant);
          reject(error);
          this.forgetIfGone(tenant);
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
      if (!tenant.cluster.cold.has(tenant) && !tenant.cluster.growing.has(tenant)) {
        tenant.cluster.queue(tenant);
      }
      this.pump(tenant.cluster);
    });
  }

  private tenantOf(target: DatabaseTarget): TenantConnections {
    const known = this.tenants.get(target.key);
    if (known !== undefined) {
      known.target = target;
      return known;
    }
    let cluster = this.clusters.get(target.clusterId);
    if (cluster === undefined) {
      cluster = new ClusterConnections(this.capOf(target.clusterId), this.limits);
      this.clusters.set(target.clusterId, cluster);
    }
    const tenant = new TenantConnections(target, cluster, new CircuitBreaker(this.now));
    this.tenants.set(target.key, tenant);
    return tenant;
  }

  private capOf(clusterId: string): number {
    return this.caps.get(clusterId) ?? this.maxConnections;
  }

  /** Starts as many dials as are allowed now, for the waiting tenants in turn. */
  private pump(cluster: ClusterConnections): void {
    while (cluster.dialling < this.maxDials) {
      const tenant = cluster.nextInTurn;
      if (tenant === undefined) return;
      if (!tenant.wantsDial) {
        cluster.unqueue(tenant);
      } else if (cluster.open < cluster.cap) {
        cluster.open++;
        this.startDial(tenant, Promise.resolve());
      } else if (cluster.idle.oldest !== undefined) {
        this.evict(cluster.idle.oldest, tenant);
      } else {
        return;
      }
    }
  }

  /** A connection that was just given back makes room for the tenant that is first in turn. */
  private replace(slot: Slot): void {
    const starving = slot.tenant.cluster.firstCold;
    if (starving === undefined) throw new Error('A connection was to be replaced, but no tenant waits for one.');
    slot.tenant.slots--;
    this.startDial(starving, this.goodbye(slot));
    slot.tenant.cluster.queue(slot.tenant);
  }

  private evict(slot: Slot, forTenant: TenantConnections): void {
    this.unpark(slot);
    slot.tenant.slots--;
    this.startDial(forTenant, this.goodbye(slot));
  }

  /** Dials once `room` is there; the cluster's count includes the new connection already. */
  private startDial(tenant: TenantConnections, room: Promise<void>): void {
    tenant.cluster.dialling++;
    tenant.slots++;
    tenant.dialling++;
    tenant.cluster.queue(tenant);
    room
      .then(() => this.dial(tenant.target))
      .then(
        (session) => this.welcome(tenant, session),
        (error: unknown) => this.miss(tenant, error),
      );
  }

  private welcome(tenant: TenantConnections, session: OpenSession): void {
    tenant.cluster.dialling--;
    tenant.dialling--;
    tenant.breaker.succeed();
    const slot = new Slot(session, tenant);
    session.onLost = () => this.dropIfIdle(slot);
    // Even when somebody else has waited longer, a connection serves one caller before it yields: dials are too dear.
    const waiter = tenant.firstWaiter;
    if (waiter === undefined || tenant.retired) this.release(slot);
    else this.serve(slot, waiter);
    tenant.cluster.queue(tenant);
    this.pump(tenant.cluster);
  }

  private miss(tenant: TenantConnections, error: unknown): void {
    tenant.cluster.dialling--;
    tenant.cluster.open--;
    tenant.dialling--;
    tenant.slots--;
    // A full server says nothing about this tenant's database.
    const serverIsFull = sqlState(error) === '53300';
    if (!serverIsFull) tenant.breaker.fail();
    // As long as the tenant has a live connection, its callers are served by that one.
    if (tenant.slots === tenant.dialling) {
      const failed = tenant.breaker.state === 'open' ? [...tenant.waiters] : [tenant.firstWaiter];
      for (const waiter of failed)
        waiter?.fail(serverIsFull ? busy(this.queueDeadlineMs, error) : unreachable(tenant.breaker, error));
    }
    tenant.cluster.queue(tenant);
    this.forgetIfGone(tenant);
    this.pump(tenant.cluster);
  }

  private discard(slot: Slot): void {
    const { tenant } = slot;
    tenant.slots--;
    tenant.cluster.leaving++;
    tenant.cluster.queue(tenant);
    void this.goodbye(slot).then(() => {
      tenant.cluster.leaving--;
      tenant.cluster.open--;
      this.pump(tenant.cluster);
    });
  }

  private async goodbye(slot: Slot): Promise<void> {
    slot.tenant.closing++;
    await slot.session.close();
    slot.tenant.closing--;
    this.forgetIfGone(slot.tenant);
  }

  private dropIfIdle(slot: Slot): void {
    // A lent connection that is lost is found broken when it is given back.
    if (!slot.isIdle) return;
    this.unpark(slot);
    this.discard(slot);
  }

  private unpark(slot: Slot): void {
    slot.isIdle = false;
    slot.tenant.cluster.idle.remove(slot);
    slot.tenant.idle.splice(slot.tenant.idle.indexOf(slot), 1);
  }

  private async retire(tenant: TenantConnections, reason: DomainError): Promise<void> {
    tenant.retired = true;
    this.tenants.delete(tenant.target.key);
    for (const waiter of [...tenant.waiters]) waiter.fail(reason);
    tenant.cluster.unqueue(tenant);
    for (const slot of [...tenant.idle]) {
      this.unpark(slot);
      this.discard(slot);
    }
    await tenant.whenGone();
  }

  private sweep(): void {
    this.tick++;
    for (const cluster of this.clusters.values()) {
      let { oldest } = cluster.idle;
      while (oldest !== undefined && this.tick - oldest.idleSinceTick >= sweepsPerIdleTimeout) {
        this.unpark(oldest);
        this.discard(oldest);
        ({ oldest } = cluster.idle);
      }
    }
    for (const [key, tenant] of this.tenants) {
      if (tenant.isGone && tenant.breaker.state !== 'open') this.tenants.delete(key);
    }
  }

  /** A tenant nobody uses costs no memory. Failures are remembered until the next sweep, or else no breaker would open. */
  private forgetIfGone(tenant: TenantConnections): void {
    if (!tenant.isGone) return;
    tenant.noticeGone();
    if (!tenant.breaker.hasFailures && this.tenants.get(tenant.target.key) === tenant) {
      this.tenants.delete(tenant.target.key);
    }
  }
}
