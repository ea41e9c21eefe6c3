import type { DomainError } from '#platform';
import type { DatabaseTarget } from '../connection.js';
import { sqlState } from '../errors.js';
import type { OpenSession } from '../session.js';
import { ClusterConnections, Slot, TenantConnections, type TenantLimits, type Waiter } from './books.js';
import { busy, unreachable } from './broker-errors.js';
import { CircuitBreaker } from './circuit-breaker.js';

export interface ConnectionStockOptions {
  /** Hard cap of connections per cluster, until `setCap` gives it another. */
  readonly maxConnections: number;
  readonly limits: TenantLimits;
  /** Most connections of one cluster being opened at a time. */
  readonly maxDials: number;
  /** How long callers wait, for what they are told when the server takes no more connections. */
  readonly queueDeadlineMs: number;
  readonly idleTimeoutMs: number;
  readonly dial: (target: DatabaseTarget) => Promise<OpenSession>;
  readonly now: () => number;
  /** Given each new connection that somebody still waits for. */
  readonly lendNew: (slot: Slot, waiter: Waiter) => void;
}

const sweepsPerIdleTimeout = 10;

/**
 * Opens and closes the broker's connections: no more per cluster than its cap, for the waiting tenants in turn. At the cap
 * the connection that has been idle longest, of whichever tenant, gives way. A connection in use is never closed.
 */
export class ConnectionStock {
  private readonly tenants = new Map<string, TenantConnections>();
  private readonly clusters = new Map<string, ClusterConnections>();
  /** What `setCap` has said. */
  private readonly caps = new Map<string, number>();
  private readonly sweeper: NodeJS.Timeout;
  private tick = 0;

  constructor(private readonly options: ConnectionStockOptions) {
    this.sweeper = setInterval(() => this.sweep(), options.idleTimeoutMs / sweepsPerIdleTimeout).unref();
  }

  /** The tenant's entry, when it has connections, callers or failures. */
  find(key: string): TenantConnections | undefined {
    return this.tenants.get(key);
  }

  tenantOf(target: DatabaseTarget): TenantConnections {
    const known = this.tenants.get(target.key);
    if (known !== undefined) {
      known.target = target;
      return known;
    }
    let cluster = this.clusters.get(target.clusterId);
    if (cluster === undefined) {
      cluster = new ClusterConnections(this.capOf(target.clusterId), this.options.limits);
      this.clusters.set(target.clusterId, cluster);
    }
    const tenant = new TenantConnections(target, cluster, new CircuitBreaker(this.options.now));
    this.tenants.set(target.key, tenant);
    return tenant;
  }

  /** Whether a connection to the cluster could be opened without taking anybody's away. */
  hasRoom(clusterId: string): boolean {
    return (this.clusters.get(clusterId)?.open ?? 0) < this.capOf(clusterId);
  }

  /** Changes the cap of a cluster; idle connections beyond it are closed now, those unused longest first. */
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

  /** The tenant's idle connection that was given back last, taken out of the stock. */
  takeIdle(tenant: TenantConnections): Slot | undefined {
    const slot = tenant.idle.pop();
    if (slot === undefined) return undefined;
    tenant.cluster.idle.remove(slot);
    slot.isIdle = false;
    return slot;
  }

  /** Keeps a connection that nobody of its tenant waits for. */
  park(slot: Slot): void {
    const { cluster } = slot.tenant;
    slot.isIdle = true;
    slot.idleSinceTick = this.tick;
    slot.tenant.idle.push(slot);
    cluster.idle.append(slot);
    if (cluster.cold.size > 0 || cluster.growing.size > 0) this.pump(cluster);
  }

  /**
   * At the cap with nothing idle, a tenant without any connection gets one from a tenant whose next caller came later:
   * whether `slot` was given up for that.
   */
  yields(slot: Slot, waiter: Waiter): boolean {
    const { cluster } = slot.tenant;
    const starving = cluster.firstCold;
    const mustYield =
      starving?.firstWaiter !== undefined &&
      starving.firstWaiter.arrival < waiter.arrival &&
      cluster.open >= cluster.cap &&
      cluster.dialling < this.options.maxDials &&
      cluster.idle.size === 0;
    if (!mustYield) return false;
    slot.tenant.slots--;
    this.startDial(starving, this.goodbye(slot));
    cluster.queue(slot.tenant);
    return true;
  }

  /** Puts a tenant, whose first caller has come, in the queue for connections. */
  want(tenant: TenantConnections): void {
    const { cluster } = tenant;
    if (!cluster.cold.has(tenant) && !cluster.growing.has(tenant)) cluster.queue(tenant);
    this.pump(cluster);
  }

  /** A caller has left without a connection. */
  unwant(tenant: TenantConnections): void {
    tenant.cluster.queue(tenant);
    this.forgetIfGone(tenant);
  }

  /** Closes a connection that is not idle. */
  discard(slot: Slot): void {
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

  /** Closes the idle connections of the targets whose key starts so and refuses who waits; resolves when all are closed. */
  async retire(keyPrefix: string, reason: () => DomainError): Promise<void> {
    const retired = [...this.tenants.values()].filter((tenant) => tenant.target.key.startsWith(keyPrefix));
    await Promise.all(retired.map((tenant) => this.retireTenant(tenant, reason())));
  }

  /** Looks for unused connections no more. */
  stop(): void {
    clearInterval(this.sweeper);
  }

  private capOf(clusterId: string): number {
    return this.caps.get(clusterId) ?? this.options.maxConnections;
  }

  /** Starts as many dials as are allowed now, for the waiting tenants in turn. */
  private pump(cluster: ClusterConnections): void {
    while (cluster.dialling < this.options.maxDials) {
      const tenant = cluster.nextInTurn;
      if (tenant === undefined) return;
      const { oldest } = cluster.idle;
      if (!tenant.wantsDial) {
        cluster.unqueue(tenant);
      } else if (cluster.open < cluster.cap) {
        cluster.open++;
        this.startDial(tenant, Promise.resolve());
      } else if (oldest !== undefined) {
        this.unpark(oldest);
        oldest.tenant.slots--;
        this.startDial(tenant, this.goodbye(oldest));
      } else {
        return;
      }
    }
  }

  /** Dials once `room` is there; the cluster's count includes the new connection already. */
  private startDial(tenant: TenantConnections, room: Promise<void>): void {
    tenant.cluster.dialling++;
    tenant.slots++;
    tenant.dialling++;
    tenant.cluster.queue(tenant);
    room
      .then(() => this.options.dial(tenant.target))
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
    if (waiter !== undefined && !tenant.retired) this.options.lendNew(slot, waiter);
    else if (session.broken || tenant.retired || tenant.cluster.excess > 0) this.discard(slot);
    else this.park(slot);
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
        waiter?.fail(serverIsFull ? busy(this.options.queueDeadlineMs, error) : unreachable(tenant.breaker, error));
    }
    tenant.cluster.queue(tenant);
    this.forgetIfGone(tenant);
    this.pump(tenant.cluster);
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

  private async retireTenant(tenant: TenantConnections, reason: DomainError): Promise<void> {
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
