import { randomUUID } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound, operationOutcome } from '#fhir';
import { findJob, insertJob, withdrawJob, type JobKind, type StoredJob } from '#fhir-store';
import type { Logger } from '#platform';
import type { Session } from '../../auth/session.js';
import { withCurrentRights } from '../../auth/with-current-rights.js';
import { sendText } from '../../http/send.js';
import type { BaseUrls } from '../../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../../tenant/request-tenant.js';
import { recordExecution, recordRemoval, refused } from '../read-audit.js';
import { CACHE_CONTROL } from '../version-answer.js';
import { jobLimits, tooManyJobs } from './job-limits.js';
import { typesOfFiles } from './job-kinds.js';
import { JobQueue } from './job-queue.js';
import { claimOf, rightsChanged, starterOf } from './job-rights.js';
import { JobUpkeep, removeWithdrawn } from './job-upkeep.js';
import { runJob, type JobParts } from './run-job.js';

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
  /** How often the jobs of a project are looked after, in milliseconds. */
  readonly lookEveryMs?: number;
}

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
  private readonly upkeep: JobUpkeep;
  private readonly stopRepeatable = new AbortController();
  private readonly stopAll = new AbortController();

  constructor(private readonly options: AsyncJobsOptions) {
    const stopping = { repeatable: this.stopRepeatable.signal, all: this.stopAll.signal };
    this.queue = new JobQueue((ticket, isAwaited) =>
      runJob(options, ticket, stopping, isAwaited).catch((error: unknown) => {
        const { projectId, jobId } = ticket;
        // Its lease runs out, and it is taken up again.
        options.logger.error({ projectId, jobId, err: error }, 'a job was left');
        return 'done';
      }),
    );
    this.upkeep = new JobUpkeep({
      ...options,
      everyMs: options.lookEveryMs ?? LOOK_EVERY_MS,
      onLeft: (ticket) => this.queue.add(ticket),
    });
  }

  /** Looks after the jobs of projects from now on: removes what has expired, and takes up what was left. */
  start(): void {
    this.upkeep.start();
  }

  /** Somebody uses the project, so what has expired there is removed soon. */
  isInUse(projectId: string): void {
    this.upkeep.isInUse(projectId);
  }

  /** Gives back what others can go on with, and resolves when everything has ended or was given up. */
  async close(): Promise<void> {
    this.queue.close();
    this.stopRepeatable.abort();
    const giveUp = setTimeout(() => this.stopAll.abort(), LAST_WORK_MS);
    await Promise.all([this.upkeep.close(), this.queue.idle()]);
    clearTimeout(giveUp);
  }

  /**
   * Accepts a request that was found to be good: answers 202 with the address at which it can be followed, and has it
   * carried out. Throws 429 when the caller or the project has too many, and 401 when the caller's rights are gone.
   */
  async accept(request: FastifyRequest, reply: FastifyReply, accepted: AcceptedRequest): Promise<void> {
    const session = sessionOf(request);
    const { runtime } = session;
    await session.refresh();
    const { projectId } = runtime.entry;
    const { kind, entity } = accepted;
    const id = randomUUID();
    const job = {
      id,
      kind,
      membership: session.current.membershipId,
      starter: { ...starterOf(session) },
      requestId: request.id,
      request: runtime.jobTexts.seal(id, 'request', JSON.stringify(accepted.request)),
    };
    const reached = await runtime.database.use((connection) => insertJob(connection, job, jobLimits));
    if (reached !== undefined) throw tooManyJobs(reached);
    recordExecution(this.options.audit, request, entity);
    this.upkeep.hasJobs(projectId);
    this.queue.add({ projectId, jobId: id, kind });
    return this.answerAccepted(request, reply, pathOf({ id, kind }));
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
    this.upkeep.hasJobs(projectId);
    if (job.isLeft) this.queue.add({ projectId, jobId: job.id, kind: job.kind });
    return job;
  }

  /**
   * The same for whoever wants what the job has made: 403 when they started it with other rights than they have now, or did
   * not start it and may not see everything that may be in it.
   */
  async findWithResult(request: FastifyRequest, id: string, isMeant: (kind: JobKind) => boolean): Promise<StoredJob> {
    const job = await this.find(request, id, isMeant);
    if (job.state !== 'completed') return job;
    const claim = await claimOf(sessionOf(request), job, typesOfFiles(job), this.options.onBehalfOf);
    if (claim === 'refused') throw refused(this.options.audit, request, 'R', pathOf(job));
    if (claim === 'rights-changed') throw rightsChanged(job.kind);
    return job;
  }

  /**
   * Removes a job that was found, and its files; what carries it out stops with its next step. Whether it had ended already;
   * undefined when somebody else was quicker. Throws 503 when what it writes is being committed.
   */
  async cancel(request: FastifyRequest, { id }: StoredJob): Promise<boolean | undefined> {
    const { runtime } = sessionOf(request);
    const withdrawn = await runtime.database.use((connection) => withdrawJob(connection, id));
    if (withdrawn === undefined) return undefined;
    recordRemoval(this.options.audit, request, pathOf(withdrawn));
    await removeWithdrawn(runtime, withdrawn);
    return withdrawn.hadEnded;
  }

  private answerAccepted(request: FastifyRequest, reply: FastifyReply, path: string): void | Promise<void> {
    const address = this.options.baseUrls.fhirBaseOfRequest(request, tenantOf(request)) + path;
    void reply.header('content-location', address).header('cache-control', CACHE_CONTROL);
    void reply.header('preference-applied', 'respond-async');
    const text = `The request is carried out; ask ${address} how far it has come.`;
    const outcome = operationOutcome('accepted', [{ severity: 'information', code: 'informational', text }]);
    return sendText(request, reply, 202, JSON.stringify(outcome));
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

/** At which a job is followed, below the FHIR base. */
export const pathOf = ({ id, kind }: Pick<StoredJob, 'id' | 'kind'>): string =>
  kind === 'export' ? `bulkdata/export/${id}` : `job/${id}/status`;
