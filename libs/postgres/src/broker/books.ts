/**
 * What the connection broker keeps in its books: connections, those who wait for one, tenants and clusters. It decides
 * nothing but who is next.
 */
import type { DatabaseTarget } from '../connection.js';
import type { OpenSession } from '../session.js';
import type { CircuitBreaker } from './circuit-breaker.js';
import { IdleList, type IdleNode } from './idle-list.js';

/** A connection of a tenant, lent or idle. */
export class Slot implements IdleNode<Slot> {
  previous: Slot | undefined;
  next: Slot | undefined;
  isIdle = false;
  /** Callers of single statements that use it at this moment; 0 while it is idle or lent to one caller alone. */
  sharers = 0;
  /** The broker's tick in which it became idle; ticks are counted so that giving back needs no clock. */
  idleSinceTick = 0;

  constructor(
    readonly session: OpenSession,
    readonly tenant: TenantConnections,
  ) {}
}

/** A caller that waits for a connection. */
export interface Waiter {
  /** Counts up over the whole broker: a smaller number came earlier. */
  readonly arrival: number;
  /** Whether it needs the connection for itself or can share it with callers of its kind. */
  readonly how: 'alone' | 'together';
  start(slot: Slot): void;
  fail(error: Error): void;
}

/** What the broker keeps per tenant: counts, idle connections, and waiters in the order they came. */
export class TenantConnections {
  target: DatabaseTarget;
  /** Connections that are open or being opened for this tenant. */
  slots = 0;
  /** Of these, the ones being opened. */
  dialling = 0;
  /** The one given back last is at the end and taken first: its caches are warm. */
  readonly idle: Slot[] = [];
  /** Connections that callers of single statements share at this moment. */
  readonly shared = new Set<Slot>();
  /** A Set keeps the order of arrival and lets a waiter leave from the middle. */
  readonly waiters = new Set<Waiter>();
  /** No longer to be used: connections close as they are given back. */
  retired = false;
  /** Connections that have said goodbye and are not closed yet. */
  closing = 0;
  private onGone: (() => void)[] = [];

  constructor(
    target: DatabaseTarget,
    readonly cluster: ClusterConnections,
    readonly breaker: CircuitBreaker,
  ) {
    this.target = target;
  }

  get firstWaiter(): Waiter | undefined {
    for (const waiter of this.waiters) return waiter;
    return undefined;
  }

  /** Whether one more connection should be opened now, if there is room for it. */
  get wantsDial(): boolean {
    if (this.waiters.size <= this.dialling || this.slots >= this.cluster.perTenant) return false;
    const { state } = this.breaker;
    return state === 'closed' || (state === 'probing' && this.dialling === 0);
  }

  /** Nothing open, opening, closing or waited for. */
  get isGone(): boolean {
    return this.slots === 0 && this.closing === 0 && this.waiters.size === 0;
  }

  whenGone(): Promise<void> {
    return new Promise((resolve) => {
      if (this.isGone) resolve();
      else this.onGone.push(resolve);
    });
  }

  noticeGone(): void {
    if (!this.isGone) return;
    for (const resolve of this.onGone.splice(0)) resolve();
  }
}

/** Most connections of one tenant. */
export interface TenantLimits {
  readonly perTenant: number;
  /** While more than half of the cluster's connections are free. */
  readonly perTenantWithRoom: number;
}

/** What the broker keeps per cluster: the count against the hard cap, and who waits. */
export class ClusterConnections {
  /**
   * Connections that occupy a place at the server: open, being opened, or not closed yet. Above the cap only for a while
   * after that was lowered.
   */
  open = 0;
  /** Of these, the ones that are being closed and leave their place free. */
  leaving = 0;
  /** Dials in flight, the eviction that makes room for a dial included. */
  dialling = 0;
  readonly idle = new IdleList<Slot>();
  /** Waiting tenants in turn. Those without any connection go before those that would like one more. */
  readonly cold = new Set<TenantConnections>();
  readonly growing = new Set<TenantConnections>();

  constructor(
    public cap: number,
    private readonly limits: TenantLimits,
  ) {}

  /** How many connections one tenant may have now. */
  get perTenant(): number {
    const { perTenant, perTenantWithRoom } = this.limits;
    return this.open * 2 < this.cap ? perTenantWithRoom : perTenant;
  }

  /** How many connections must go until there are no more than the cap allows. */
  get excess(): number {
    return Math.max(0, this.open - this.leaving - this.cap);
  }

  /** Puts a tenant at the end of the queue where it belongs now, or of none. */
  queue(tenant: TenantConnections): void {
    this.unqueue(tenant);
    if (!tenant.wantsDial) return;
    (tenant.slots === 0 ? this.cold : this.growing).add(tenant);
  }

  unqueue(tenant: TenantConnections): void {
    this.cold.delete(tenant);
    this.growing.delete(tenant);
  }

  get nextInTurn(): TenantConnections | undefined {
    for (const tenant of this.cold) return tenant;
    for (const tenant of this.growing) return tenant;
    return undefined;
  }

  get firstCold(): TenantConnections | undefined {
    for (const tenant of this.cold) return tenant;
    return undefined;
  }
}
