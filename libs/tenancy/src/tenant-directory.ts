/**
 * The directory of all projects, in memory and complete: a name that is not in it is unknown without asking anybody.
 * It is loaded at the start and kept fresh by three ways, of which any one would do:
 * - announcements (NOTIFY, and Redis where there is one): a change is read within milliseconds;
 * - a poll every second, which also bounds how stale a data plane can be that has lost its announcements;
 * - `catchUp` and `refresh`, for requests that the directory would refuse although somebody may know better.
 *
 * A query asks only for what changed at or after the mark of the last one (the oldest transaction then running), so
 * that a change which commits late is never missed and rows may come twice.
 *
 * When the control database cannot be reached, the directory keeps what it knows; `staleForMs` says since when. Times
 * between events are measured by a clock that nobody can set; only what ends at a known time depends on the date.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Logger } from '#platform';
import { entryAt, nextEndOf, sameEntry, type TenantEntry } from './tenant-entry.js';
import type { TenantLookup } from './tenant-router.js';

/** Where the directory reads from; `project-directory-source.ts` has the real one. */
export interface DirectorySource {
  /** Every project that is not deleted, and the mark from which later changes are to be asked for. */
  readAll(): Promise<DirectoryPage>;
  /** Every project changed at or after `mark`, deleted ones too. */
  readChangedSince(mark: string): Promise<DirectoryPage>;
}

export interface DirectoryPage {
  readonly entries: readonly TenantEntry[];
  readonly mark: string;
}

/** Told after the directory has changed: `before` is undefined for a new project, `after` for one that is gone. */
export type DirectoryListener = (before: TenantEntry | undefined, after: TenantEntry | undefined) => void;

export interface DirectoryOptions {
  /** Answers or fails within seconds: everything announced meanwhile, and every request for an unknown name, waits. */
  readonly source: DirectorySource;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The least time between two queries that nothing announced. */
const POLL_INTERVAL_MS = 1_000;
/** How late it may be noticed that something has ended. */
const ENDS_INTERVAL_MS = 1_000;
/** The least time between two queries for projects that may be in service by now. */
const REFRESH_INTERVAL_MS = 25;
/** The least time between two reloads that only a doubt asks for. */
const RELOAD_INTERVAL_MS = 2_000;

export class TenantDirectory implements TenantLookup {
  private bySlug = new Map<string, TenantEntry>();
  private byDomain = new Map<string, TenantEntry>();
  private byId = new Map<string, TenantEntry>();
  /** Projects of which a part ends at a known time: the soonest end of each. */
  private readonly ends = new Map<string, number>();
  private readonly listeners = new Set<DirectoryListener>();
  private mark = '';
  private lastStartedAt = 0;
  private lastSucceededAt = 0;
  private lastReloadAt = 0;
  private running: Promise<void> | undefined;
  private refreshing: Promise<void> | undefined;
  /** Asked for while a query ran, because what that one reads may be too old. */
  private wanted: 'changes' | 'everything' | undefined;
  /** A reload failed, so changes alone would leave a gap. */
  private mustReload = false;
  private timer: NodeJS.Timeout | undefined;
  private endsTimer: NodeJS.Timeout | undefined;
  private failing = false;
  private closed = false;

  private constructor(private readonly options: DirectoryOptions) {}

  /** Loads the directory and starts polling. Rejects when the first load fails. */
  static async open(options: DirectoryOptions): Promise<TenantDirectory> {
    const directory = new TenantDirectory(options);
    await directory.loadAll();
    directory.schedulePoll();
    directory.endsTimer = setInterval(() => directory.applyEnds(), ENDS_INTERVAL_MS);
    return directory;
  }

  findBySlug(slug: string): TenantEntry | undefined {
    return this.bySlug.get(slug);
  }

  findByDomain(host: string): TenantEntry | undefined {
    return this.byDomain.get(host);
  }

  findById(projectId: string): TenantEntry | undefined {
    return this.byId.get(projectId);
  }

  get size(): number {
    return this.byId.size;
  }

  /** Every entry, as it is at this moment. */
  entries(): Iterable<TenantEntry> {
    return this.byId.values();
  }

  /** Milliseconds since the control database last answered. */
  get staleForMs(): number {
    return performance.now() - this.lastSucceededAt;
  }

  /** Calls `listener` after every change of an entry. */
  onChange(listener: DirectoryListener): void {
    this.listeners.add(listener);
  }

  /** A change was announced: read it, in one query together with all that is announced until that starts. */
  announced(): void {
    this.request('changes');
  }

  /** Announcements may have been lost (the connection was cut): read everything again. */
  resync(): void {
    this.request('everything');
  }

  /**
   * A tenant database is not where the directory says: read everything again, at most every two seconds. Where a cluster
   * answers is part of every entry placed there, and a change of it does not stamp those projects.
   */
  doubted(): void {
    if (performance.now() - this.lastReloadAt >= RELOAD_INTERVAL_MS) this.request('everything');
  }

  /**
   * For a name that the directory does not have: resolves when the queries that may have brought it are over. Makes at
   * most one query a second whatever the number of calls, and resolves at once when there was one within the last
   * second and nothing is announced.
   */
  async catchUp(): Promise<void> {
    if (this.running === undefined && performance.now() - this.lastStartedAt >= POLL_INTERVAL_MS)
      this.request('changes');
    await this.running;
    // What was announced while that query ran is read by the one that follows it.
    await this.running;
  }

  /**
   * Resolves when a query that started after the call is over: the directory then knows what whoever calls may have
   * heard elsewhere. Any number of calls makes at most one query in 25 ms.
   */
  refresh(): Promise<void> {
    this.refreshing ??= this.refreshOnce();
    return this.refreshing;
  }

  /** Stops polling; resolves when no query is running any more. */
  async close(): Promise<void> {
    this.closed = true;
    clearTimeout(this.timer);
    clearInterval(this.endsTimer);
    await this.running;
  }

  private async refreshOnce(): Promise<void> {
    await this.running;
    await pause(Math.max(0, this.lastStartedAt + REFRESH_INTERVAL_MS - performance.now()));
    this.refreshing = undefined;
    // A query that runs now has started after the calls that wait for this one.
    this.request('changes');
    await this.running;
  }

  private request(what: 'changes' | 'everything'): void {
    if (this.closed) return;
    if (this.running === undefined) this.running = this.query(what);
    else this.wanted = this.wanted === 'everything' ? this.wanted : what;
  }

  private async query(what: 'changes' | 'everything'): Promise<void> {
    clearTimeout(this.timer);
    try {
      await (what === 'everything' ? this.loadAll() : this.readChanges());
      this.recovered();
    } catch (error) {
      this.failed(error, what);
    }
    this.running = undefined;
    const wanted = this.wanted;
    this.wanted = undefined;
    if (wanted !== undefined && !this.failing) this.request(wanted);
    else this.schedulePoll();
  }

  private schedulePoll(): void {
    clearTimeout(this.timer);
    if (this.closed) return;
    const waitMs = Math.max(0, this.lastStartedAt + POLL_INTERVAL_MS - performance.now());
    this.timer = setTimeout(() => this.request(this.mustReload ? 'everything' : 'changes'), waitMs);
  }

  private async loadAll(): Promise<void> {
    this.lastStartedAt = performance.now();
    this.lastReloadAt = this.lastStartedAt;
    const { entries, mark } = await this.options.source.readAll();
    const present = new Set(entries.map((entry) => entry.projectId));
    for (const projectId of [...this.byId.keys()]) {
      if (!present.has(projectId)) this.tell(this.forget(projectId), undefined);
    }
    this.apply(entries, mark);
    this.mustReload = false;
  }

  private async readChanges(): Promise<void> {
    this.lastStartedAt = performance.now();
    const { entries, mark } = await this.options.source.readChangedSince(this.mark);
    this.apply(entries, mark);
  }

  private apply(read: readonly TenantEntry[], mark: string): void {
    const now = this.options.clock.now().getTime();
    this.replace(read.map((entry) => entryAt(entry, now)));
    this.mark = mark;
    this.lastSucceededAt = performance.now();
  }

  /** Nobody announces that time has passed, and it passes also while the control database is away. */
  private applyEnds(): void {
    const now = this.options.clock.now().getTime();
    const ended = [...this.ends].filter(([, end]) => end <= now);
    this.replace(ended.flatMap(([projectId]) => this.byId.get(projectId) ?? []).map((entry) => entryAt(entry, now)));
  }

  private replace(entries: readonly TenantEntry[]): void {
    // Names are freed before they are taken, because one project may have got the slug that another gave up.
    const changed = entries.filter((entry) => {
      const known = this.byId.get(entry.projectId);
      return known === undefined || !sameEntry(known, entry);
    });
    const before = changed.map((entry) => this.forget(entry.projectId));
    changed.forEach((entry, index) => {
      const after = entry.state === 'deleted' ? undefined : entry;
      if (after !== undefined) this.remember(after);
      this.tell(before[index], after);
    });
  }

  private tell(before: TenantEntry | undefined, after: TenantEntry | undefined): void {
    if (before === undefined && after === undefined) return;
    for (const listener of this.listeners) listener(before, after);
  }

  private remember(entry: TenantEntry): void {
    this.byId.set(entry.projectId, entry);
    const end = nextEndOf(entry);
    if (end !== undefined) this.ends.set(entry.projectId, end);
    for (const { kind, name } of entry.baseUrls) (kind === 'slug' ? this.bySlug : this.byDomain).set(name, entry);
  }

  private forget(projectId: string): TenantEntry | undefined {
    const entry = this.byId.get(projectId);
    if (entry === undefined) return undefined;
    this.byId.delete(projectId);
    this.ends.delete(projectId);
    for (const { kind, name } of entry.baseUrls) {
      const names = kind === 'slug' ? this.bySlug : this.byDomain;
      if (names.get(name) === entry) names.delete(name);
    }
    return entry;
  }

  private recovered(): void {
    if (this.failing) this.options.logger.info('the tenant directory is fresh again');
    this.failing = false;
  }

  /** Logged once per outage: the poll goes on every second. */
  private failed(error: unknown, what: 'changes' | 'everything'): void {
    if (!this.failing) this.options.logger.warn({ err: error }, 'the tenant directory cannot be refreshed');
    this.failing = true;
    this.mustReload ||= what === 'everything' || this.wanted === 'everything';
  }
}
