import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { forbidden, notFound, operationOutcome } from '#fhir';
import { findJob, insertJob, listJobs, removeExpiredJobs, removeJob, type JobKind, type StoredJob } from '#fhir-store';
import { DomainError, type Logger } from '#platform';
import type { Session } from '../../auth/session.js';
import { withCurrentRights } from '../../auth/with-current-rights.js';
import { loggableError } from '../../http/loggable-error.js';
import { sendText } from '../../http/send.js';
import type { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { recordExecution } from '../read-audit.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { removeJobFiles } from './job-kinds.js';
import { JobQueue } from './job-queue.js';
import { mayHave, starterOf } from './job-rights.js';
import { runJob, writableRuntime, type JobParts } from './run-job.js';

/** A request that is answered later. */
interface AcceptedRequest {
  readonly kind: JobKind;
  /** What of it is kept until it has been carried out. */
  readonly request: object;
  /** What the audit says was carried out. */
  readonly entity: string;
}

interface AsyncJobsOptions extends JobParts {
  readonly baseUrls: BaseUrls;
  readonly logger: Logger;
  /** How often the projects that have jobs are looked after, in milliseconds. */
  readonly lookEveryMs?: number;
}

/** Jobs of one project that have not ended. */
const MAX_UNFINISHED = 10;
const FULL_RETRY_SECONDS = 10;
const LOOK_EVERY_MS = 60_000;
/** What cannot be taken up again gets so long to come to its end when the process is stopped. */
const LAST_WORK_MS = 8_000;

const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/**
 * Requests that are answered later (https://hl7.org/fhir/R4/async.html), of all projects. Each is a row of its project's
 * database, so another process goes on with it when this one dies: the first that hears of it, which is the one that is
 * asked how far it has come.
 */
export class AsyncJobs {
  private readonly queue: JobQueue;
  /** Projects that have jobs, as far as this process has heard of them. */
  private readonly projects = new Set<string>();
  private readonly stopRepeatable = new AbortController();
  private readonly stopAll = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;

  constructor(private readonly options: AsyncJobsOptions) {
    const stopping = { repeatable: this.stopRepeatable.signal, all: this.stopAll.signal };
    this.queue = new JobQueue((ticket) =>
      runJob(options, ticket, stopping).catch((error: unknown) => {
        const { projectId, jobId } = ticket;
        // Its lease runs out, and it is taken up again.
        options.logger.error({ projectId, jobId, err: loggableError(error) }, 'a job was left');
      }),
    );
  }

  /** Looks after the jobs of projects that have some: removes what has expired, and takes up what was left. */
  start(): void {
    this.timer = setInterval(() => {
      this.looking ??= this.lookAfter().finally(() => (this.looking = undefined));
    }, this.options.lookEveryMs ?? LOOK_EVERY_MS);
    this.timer.unref();
  }

  /** Gives back what others can go on with, and resolves when everything has ended or was given up. */
  async close(): Promise<void> {
    clearInterval(this.timer);
    this.queue.close();
    this.stopRepeatable.abort();
    const giveUp = setTimeout(() => this.stopAll.abort(), LAST_WORK_MS);
    await Promise.all([this.looking, this.queue.idle()]);
    clearTimeout(giveUp);
  }

  /**
   * Accepts a request that was found to be good: answers 202 with the address at which it can be followed, and has it
   * carried out. Throws 429 when the project has too many that have not ended, and 401 when the caller's rights are gone.
   */
  async accept(request: FastifyRequest, reply: FastifyReply, accepted: AcceptedRequest): Promise<void> {
    const session = sessionOf(request);
    const { runtime } = session;
    await session.refresh();
    const { projectId } = runtime.entry;
    const { kind, entity } = accepted;
    const job = {
      id: randomUUID(),
      kind,
      membership: session.current.membershipId,
      starter: { ...starterOf(session) },
      requestId: request.id,
      request: JSON.stringify(accepted.request),
    };
    await this.removeExpired(runtime);
    const isKept = await runtime.database.use((connection) => insertJob(connection, job, MAX_UNFINISHED));
    if (!isKept) throw tooMany();
    recordExecution(this.options.audit, request, entity);
    this.projects.add(projectId);
    this.queue.add({ projectId, jobId: job.id, kind });
    return this.answerAccepted(
      request,
      reply,
      kind === 'export' ? `bulkdata/export/${job.id}` : `job/${job.id}/status`,
    );
  }

  /**
   * The job `id` for whoever started it and for project admins; 404 for everybody else, for a log-in that scopes limit and
   * that is another one than that in which it was started, and when it is no job of one of these kinds. When nobody carries
   * it out any more, this process does from now on.
   */
  async find(request: FastifyRequest, id: string, isMeant: (kind: JobKind) => boolean): Promise<StoredJob> {
    if (!UUID.test(id)) throw notFound();
    const job = await withCurrentRights(request, ({ runtime, current }) =>
      runtime.database.share((connection) => findJob(connection, current.epoch, id)),
    );
    const session = sessionOf(request);
    if (job === undefined || !isMeant(job.kind) || !mayFollow(session, job)) throw notFound();
    const { projectId } = session.runtime.entry;
    this.projects.add(projectId);
    if (job.isLeft) this.queue.add({ projectId, jobId: job.id, kind: job.kind });
    return job;
  }

  /**
   * The same for whoever wants what the job has made: 403 when they started it with other rights than they have now.
   */
  async findWithResult(request: FastifyRequest, id: string, isMeant: (kind: JobKind) => boolean): Promise<StoredJob> {
    const job = await this.find(request, id, isMeant);
    if (job.state === 'completed' && !(await mayHave(sessionOf(request), job, this.options.onBehalfOf))) {
      throw forbidden('Your rights have changed since this was asked for: ask for it again.');
    }
    return job;
  }

  /** Removes a job that was found, and its files. What carries it out stops with its next step. */
  async cancel(request: FastifyRequest, { id }: StoredJob): Promise<void> {
    const { runtime } = sessionOf(request);
    const removed = await runtime.database.use((connection) => removeJob(connection, id));
    if (removed !== undefined) await removeJobFiles(runtime, removed);
  }

  private answerAccepted(request: FastifyRequest, reply: FastifyReply, path: string): void | Promise<void> {
    const address = this.options.baseUrls.fhirBaseOfRequest(request, tenantOf(request)) + path;
    void reply.header('content-location', address).header('cache-control', CACHE_CONTROL);
    void reply.header('preference-applied', 'respond-async');
    const text = `The request is carried out; ask ${address} how far it has come.`;
    const outcome = operationOutcome('accepted', [{ severity: 'information', code: 'informational', text }]);
    return sendText(request, reply, 202, JSON.stringify(outcome));
  }

  private async removeExpired(runtime: TenantRuntime): Promise<void> {
    for (const removed of await runtime.database.use(removeExpiredJobs)) await removeJobFiles(runtime, removed);
  }

  private async lookAfter(): Promise<void> {
    for (const projectId of this.projects) {
      if (this.stopRepeatable.signal.aborted) return;
      try {
        const runtime = await writableRuntime(this.options, projectId);
        if (runtime === undefined) {
          if (this.options.directory.findById(projectId) === undefined) this.projects.delete(projectId);
          continue;
        }
        await this.removeExpired(runtime);
        const jobs = await runtime.database.use(listJobs);
        if (jobs.length === 0) this.projects.delete(projectId);
        for (const { id, kind, isLeft } of jobs) if (isLeft) this.queue.add({ projectId, jobId: id, kind });
      } catch (error) {
        this.options.logger.error({ projectId, err: loggableError(error) }, 'jobs could not be looked after');
      }
    }
  }
}

function mayFollow(
  { loginId, current: { membershipId, policy } }: Session,
  { membership, starter }: StoredJob,
): boolean {
  // What another log-in was answered may be more than these scopes allow.
  if (policy.isScoped && starter.loginId !== loginId) return false;
  return membership === membershipId || policy.projectAdmin;
}

const tooMany = (): DomainError =>
  new DomainError(
    'too-many-requests',
    'too-many-jobs',
    `The project has ${MAX_UNFINISHED} requests that are still being carried out. Try again when one of them has ended.`,
    { retryAfterSeconds: FULL_RETRY_SECONDS },
  );
