/**
 * Carries out one job: takes its lease and keeps it, opens the session of whoever started it, and notes how it has ended.
 * When the process dies, the lease runs out and somebody else takes the job over; when it is stopped, the lease is given
 * back. Whoever has lost the lease can neither change nor end anything any more (`leasedDatabase`).
 */
import { forbidden, OutcomeError, operationOutcome } from '#fhir';
import {
  claimJob,
  endJob,
  findJob,
  leasedDatabase,
  LeaseLost,
  renewLease,
  returnLease,
  type JobEnd,
  type LeasedJob,
  type ReadAudit,
} from '#fhir-store';
import { refusalOf, type TenantDirectory } from '#tenancy';
import type { OnBehalfOf } from '../../admin/on-behalf-of.js';
import { reopenSession } from '../../auth/reopened-session.js';
import type { SessionOrigin } from '../../auth/session.js';
import { answerOf } from '../../http/error-answer.js';
import { loggableError } from '../../http/loggable-error.js';
import type { TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { jobKinds, removeJobFiles } from './job-kinds.js';
import type { JobTicket } from './job-queue.js';
import { JobStopped } from './job-work.js';

export interface JobParts {
  readonly directory: Pick<TenantDirectory, 'findById'>;
  readonly runtimes: Pick<TenantRuntimes, 'of'>;
  readonly audit: ReadAudit;
  readonly onBehalfOf: Pick<OnBehalfOf, 'open'>;
}

/** How far the stopping of the process has come. */
export interface Stopping {
  /** What can be taken up again stops with its next step. */
  readonly repeatable: AbortSignal;
  /** So does everything else. */
  readonly all: AbortSignal;
}

/** A third of the time after which a job counts as left. */
const RENEW_EVERY_MS = 20_000;
/** A job that has been taken so often ends those who carry it out, or never comes to an end. */
const MAX_LEASES = 50;
/** By something unforeseen (a connection that broke, say) a job ends when it has met that so often. */
const MAX_FAULTS = 5;
/** What failed by something that passes is tried again after so long. */
const RETRY_SECONDS = 5;

/** The runtime of a project whose data may be changed now; undefined when there is no such project here. */
export async function writableRuntime(
  { directory, runtimes }: Pick<JobParts, 'directory' | 'runtimes'>,
  projectId: string,
): Promise<TenantRuntime | undefined> {
  const entry = directory.findById(projectId);
  if (entry === undefined || entry.schemaTooOld || refusalOf(entry, 'write') !== undefined) return undefined;
  return runtimes.of(entry);
}

/** Carries out the job, unless somebody else does or it has ended. Rejects only when the database cannot be reached. */
export async function runJob(parts: JobParts, { projectId, jobId }: JobTicket, stopping: Stopping): Promise<void> {
  const runtime = await writableRuntime(parts, projectId);
  const job = await runtime?.database.use((connection) => claimJob(connection, jobId));
  if (runtime === undefined || job === undefined) return;
  const renewing = setInterval(() => {
    // The next one may succeed; without any, the lease runs out, which is noticed.
    runtime.database.use((connection) => renewLease(connection, job)).catch(() => undefined);
  }, RENEW_EVERY_MS);
  try {
    const end = await carryOut(parts, runtime, job, stopping);
    if (end?.state === 'failed') await fail(runtime, job, end);
    else if (end !== undefined) await runtime.database.use((connection) => endJob(connection, job, end));
  } catch (error) {
    await settle(runtime, job, error, stopping);
  } finally {
    clearInterval(renewing);
  }
}

async function carryOut(
  parts: JobParts,
  runtime: TenantRuntime,
  job: LeasedJob,
  stopping: Stopping,
): Promise<JobEnd | undefined> {
  const kind = jobKinds[job.kind];
  if (job.wasBegun && !kind.repeats) return cutShort;
  if (Number(job.fence) > MAX_LEASES) return givenUp;
  const { audit, directory, onBehalfOf } = parts;
  const stop = kind.repeats ? stopping.repeatable : stopping.all;
  const database = leasedDatabase(runtime.database, job, () => {
    const entry = directory.findById(runtime.entry.projectId);
    const isServed = entry !== undefined && refusalOf(entry, 'write') === undefined && runtime.serves(entry);
    if (stop.aborted || !isServed) throw new JobStopped();
  });
  const session = await reopenSession(runtime, job.starter as unknown as SessionOrigin, onBehalfOf);
  return kind.run({ job, runtime, database, session, audit });
}

/** Notes why a job has not come to its end, or that it is to be taken up again. */
async function settle(runtime: TenantRuntime, job: LeasedJob, error: unknown, stopping: Stopping): Promise<void> {
  const { repeats } = jobKinds[job.kind];
  // Somebody else has it, or it was cancelled.
  if (error instanceof LeaseLost) return;
  if (error instanceof JobStopped) {
    // A project that is stopped or has moved is left alone: there the lease runs out by itself.
    if (!stopping.repeatable.aborted) return;
    return giveBack(runtime, job, 0);
  }
  const { status, body, unexpected } = answerOf(isUnauthorized(error) ? noAccess() : error);
  if (unexpected) {
    runtime.logger.error({ err: loggableError(error), requestId: job.requestId, kind: job.kind }, 'a job failed');
  }
  const mayPass = status === 503 || (unexpected && Number(job.fence) < MAX_FAULTS);
  if (mayPass && repeats) return giveBack(runtime, job, RETRY_SECONDS);
  await fail(runtime, job, { state: 'failed', result: body, status });
}

/** Ends the job without what it was to bring: its files go. Those of whoever has taken it over meanwhile do not. */
async function fail(runtime: TenantRuntime, job: LeasedJob, end: JobEnd): Promise<void> {
  try {
    await runtime.database.use((connection) => endJob(connection, job, end));
  } catch (error) {
    if (error instanceof LeaseLost) return;
    throw error;
  }
  const noted = await runtime.database.use((connection) => findJob(connection, undefined, job.id));
  if (noted !== undefined) await removeJobFiles(runtime, noted);
}

function giveBack(runtime: TenantRuntime, job: LeasedJob, waitSeconds: number): Promise<void> {
  const asNew = jobKinds[job.kind].repeats;
  return runtime.database.use((connection) => returnLease(connection, job, { waitSeconds, asNew }));
}

/** Told as a refusal: who asks for the job has a log-in, and 401 would end it. */
const noAccess = (): OutcomeError => forbidden('Whoever asked for this has no access to the project any more.');
const isUnauthorized = (error: unknown): boolean => error instanceof OutcomeError && error.category === 'unauthorized';

const ended = (code: string, text: string): JobEnd => ({
  state: 'failed',
  result: JSON.stringify(operationOutcome(undefined, [{ severity: 'error', code, text }])),
  status: 500,
});

const cutShort = ended(
  'incomplete',
  'The batch was cut short. Some of its entries may have been carried out; look before you send the others again.',
);
const givenUp = ended('exception', 'The request was begun too often without coming to an end, and was given up.');
