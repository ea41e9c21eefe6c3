import { LRUCache } from 'lru-cache';
import type { Clock, Logger } from '#platform';
import type { TenantRuntime, TenantRuntimes } from '../tenant/tenant-runtime.js';
import { sweepFiles } from './sweep-files.js';

const LOOK_EVERY_MS = 5 * 60_000;
const SWEEP_EVERY_MS = 24 * 60 * 60_000;
/** Processes that start together do not all look at the same projects together. */
const FIRST_SWEEP_WITHIN_MS = 60 * 60_000;
const AFTER_FAILURE_MS = 60 * 60_000;
const MAX_KNOWN_PROJECTS = 10_000;

interface Due {
  readonly at: number;
  readonly after?: string;
}

interface FileSweepsOptions {
  readonly runtimes: Pick<TenantRuntimes, 'live'>;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Between 0 and 1. */
  readonly random?: () => number;
}

/**
 * Sweeps the files of each project that is in use, once a day and one project after the other. A project that nobody uses
 * makes no files that nothing names, so none is opened for it. Several processes may sweep the same project.
 */
export class FileSweeps {
  private readonly due = new LRUCache<string, Due>({ max: MAX_KNOWN_PROJECTS });
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | undefined;
  private readonly closing = new AbortController();

  constructor(private readonly options: FileSweepsOptions) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running ??= this.sweepDue().finally(() => (this.running = undefined));
    }, LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Resolves when no sweep is running any more. */
  async close(): Promise<void> {
    this.closing.abort();
    clearInterval(this.timer);
    await this.running;
  }

  /** Sweeps the projects whose time has come. Never rejects: what fails is logged and tried again later. */
  async sweepDue(): Promise<void> {
    const live = await Promise.allSettled(this.options.runtimes.live());
    for (const runtime of live) {
      if (this.closing.signal.aborted) return;
      // Whoever asked for a runtime that could not be built was told so.
      if (runtime.status === 'fulfilled') await this.sweepWhenDue(runtime.value);
    }
  }

  private async sweepWhenDue(runtime: TenantRuntime): Promise<void> {
    const { clock, random = Math.random } = this.options;
    const { projectId } = runtime.entry;
    const now = clock.now();
    const due = this.due.get(projectId) ?? { at: now.getTime() + random() * FIRST_SWEEP_WITHIN_MS };
    this.due.set(projectId, due);
    if (now.getTime() < due.at) return;
    try {
      const from = due.after === undefined ? {} : { after: due.after };
      const { removed, next } = await sweepFiles(runtime, { now, ...from, signal: this.closing.signal });
      if (removed > 0) runtime.logger.info({ removed }, 'files that no Binary names were removed');
      this.due.set(
        projectId,
        next === undefined ? { at: now.getTime() + SWEEP_EVERY_MS } : { at: now.getTime(), after: next },
      );
    } catch (error) {
      if (this.closing.signal.aborted) return;
      this.options.logger.error({ projectId, err: error }, 'files could not be swept');
      this.due.set(projectId, { ...due, at: now.getTime() + AFTER_FAILURE_MS });
    }
  }
}
