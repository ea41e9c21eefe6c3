import { LRUCache } from 'lru-cache';
import { listJobs, removeJob, withdrawExpiredJobs, type WithdrawnJob } from '#fhir-store';
import type { Logger } from '#platform';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { removeJobFiles } from './job-kinds.js';
import type { JobTicket } from './job-queue.js';
import { writableRuntime, type JobParts } from './run-job.js';

interface JobUpkeepOptions extends Pick<JobParts, 'directory' | 'runtimes'> {
  readonly logger: Logger;
  /** How often a project of which it is known that it has jobs is looked after, in milliseconds. */
  readonly everyMs: number;
  /** Told of a job that nobody carries out. */
  readonly onLeft: (ticket: JobTicket) => void;
}

/** Projects in use at a time of which it is known when they were looked after last. */
const MAX_KNOWN_PROJECTS = 10_000;
/** Hardly any of the projects in use has jobs of which this process has not heard, so they are looked after so seldom. */
const IN_USE_TIMES = 60;

/**
 * Removes the jobs that have expired or were cancelled, with their files, and finds those that were left: of each project
 * while it is in use, and of those of which it is known that they have some.
 */
export class JobUpkeep {
  /** Projects that have jobs, as far as this process has heard of them. */
  private readonly projects = new Set<string>();
  private readonly lookedAfter: LRUCache<string, true>;
  private readonly running = new Map<string, Promise<void>>();
  private timer: NodeJS.Timeout | undefined;
  private closed = false;

  constructor(private readonly options: JobUpkeepOptions) {
    this.lookedAfter = new LRUCache({ max: MAX_KNOWN_PROJECTS, ttl: options.everyMs * IN_USE_TIMES });
  }

  start(): void {
    this.timer = setInterval(() => {
      for (const projectId of this.projects) this.lookAfter(projectId);
    }, this.options.everyMs);
    this.timer.unref();
  }

  /** Resolves when nothing is being looked after any more. */
  async close(): Promise<void> {
    this.closed = true;
    clearInterval(this.timer);
    await Promise.all(this.running.values());
  }

  /** The project has jobs. */
  hasJobs(projectId: string): void {
    this.projects.add(projectId);
  }

  /** The project is in use: it is looked after now, unless that was done a short while ago. */
  isInUse(projectId: string): void {
    if (!this.lookedAfter.has(projectId)) this.lookAfter(projectId);
  }

  private lookAfter(projectId: string): void {
    if (this.closed || this.running.has(projectId)) return;
    this.lookedAfter.set(projectId, true);
    const looking = this.look(projectId)
      .catch((error: unknown) => this.options.logger.error({ projectId, err: error }, 'jobs could not be looked after'))
      .finally(() => this.running.delete(projectId));
    this.running.set(projectId, looking);
  }

  private async look(projectId: string): Promise<void> {
    const runtime = await writableRuntime(this.options, projectId);
    if (runtime === undefined) {
      if (this.options.directory.findById(projectId) === undefined) this.projects.delete(projectId);
      return;
    }
    // Hardly any project has jobs, so there is one question for most of them.
    const jobs = await runtime.database.use(listJobs);
    if (jobs.some(({ isOver }) => isOver)) {
      for (const job of await runtime.database.use(withdrawExpiredJobs)) {
        if (this.closed) return;
        await removeWithdrawn(runtime, job);
      }
    }
    if (jobs.length === 0) this.projects.delete(projectId);
    else this.projects.add(projectId);
    for (const { id, kind, isLeft } of jobs) if (isLeft) this.options.onLeft({ projectId, jobId: id, kind });
  }
}

/**
 * Removes the files of a withdrawn job, and then its row. Never rejects: what could not be removed is logged, and is tried
 * again the next time the project is looked after.
 */
export async function removeWithdrawn(runtime: TenantRuntime, job: WithdrawnJob): Promise<void> {
  try {
    await removeJobFiles(runtime, job);
    await runtime.database.use((connection) => removeJob(connection, job.id));
  } catch (error) {
    runtime.logger.error({ err: error, jobId: job.id }, 'the files of a job could not be removed');
  }
}
