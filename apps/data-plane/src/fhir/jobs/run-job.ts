/**
 * Carries out one job: takes its lease and keeps it, opens the session of whoever started it, and notes how it has ended.
 * When the process dies, the lease runs out and somebody else takes the job over; when it is stopped, the lease is given
 * back. Whoever has lost the lease can neither change nor end anything any more (`leasedDatabase`).
 */
import { forbidden, OutcomeError } from '#fhir';
import {
  claimJob,
  findJob,
  leasedDatabase,
  LeaseLost,
  renewLease,
  returnLease,
  type LeasedJob,
  type ReadAudit,
} from '#fhir-store';
import { refusalOf, type TenantDirectory } from '#tenancy';
import type { OnBehalfOf } from '../../admin/on-behalf-of.js';
import { answerOf } from '../../http/error-answer.js';
import type { TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { jobKinds, removeJobFiles } from './job-kinds.js';
import type { JobTicket } from './job-queue.js';
import { AccessLost, reopenStarter, RightsChanged, rightsChanged, type JobStarter } from './job-rights.js';
import { failedBy, failedWith, JobStopped, noteEnd, type JobAnswer, type JobCourse } from './job-work.js';

export interface JobParts {
  readonly directory: Pick<TenantDirectory, 'findById'>;
  readonly runtimes: Pick<TenantRuntimes, 'of'>;
  readonly audit: ReadAudit;
  readonly onBehalfOf: Pick<OnBehalfOf, 'open'>;
  /** Whether nobody may see data before it is in the audit that it was read. */
  readonly awaitsAudit: boolean;
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
/** A job whose lease has run out so often is what those die of who carry it out. One that was given back does not count. */
const MAX_TAKEOVERS = 5;
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

/**
 * Carries out the job or a part of it, unless somebody else does or it has ended; whether it is to be gone on with when
 * others have had their turn, which `isAwaited` tells. Rejects only when the database cannot be reached.
 */
export async function runJob(
  parts: JobParts,
  { projectId, jobId }: JobTicket,
  stopping: Stopping,
  isAwaited: () => boolean,
): Promise<'done' | 'paused'> {
  const runtime = await writableRuntime(parts, projectId);
  const job = await runtime?.database.use((connection) => claimJob(connection, jobId));
  if (runtime === undefined || job === undefined) return 'done';
  const renewing = setInterval(() => {
    // The next one may succeed; without any, the lease runs out, which is noticed.
    runtime.database.use((connection) => renewLease(connection, job)).catch(() => undefined);
  }, RENEW_EVERY_MS);
  try {
    const course = await carryOut(parts, runtime, job, { stopping, isAwaited });
    if (course === 'paused') {
      await giveBack(runtime, job, { waitSeconds: 0 });
      return 'paused';
    }
    if (course !== 'noted') await end(runtime, job, course);
  } catch (error) {
    await settle(runtime, job, error, stopping);
  } finally {
    clearInterval(renewing);
  }
  return 'done';
}

interface Circumstances {
  readonly stopping: Stopping;
  readonly isAwaited: () => boolean;
}

async function carryOut(
  parts: JobParts,
  runtime: TenantRuntime,
  job: LeasedJob,
  { stopping, isAwaited }: Circumstances,
): Promise<JobCourse> {
  const kind = jobKinds[job.kind];
  if (job.wasBegun && !kind.repeats) return cutShort;
  if (job.takeovers >= MAX_TAKEOVERS) return givenUp;
  const { audit, awaitsAudit, directory, onBehalfOf } = parts;
  const stop = kind.repeats ? stopping.repeatable : stopping.all;
  const database = leasedDatabase(runtime.database, job, () => {
    const entry = directory.findById(runtime.entry.projectId);
    const isServed = entry !== undefined && refusalOf(entry, 'write') === undefined && runtime.serves(entry);
    if (stop.aborted || !isServed) throw new JobStopped();
  });
  const request = runtime.jobTexts.open(job.id, 'request', job.request);
  const starter = job.starter as unknown as JobStarter;
  const { session, hadOtherRights } = await reopenStarter(runtime, starter, onBehalfOf, {
    mayDiffer: !kind.needsSameRights,
  });
  // What was written stays written; what was read on the way is for nobody, and the rights of this moment do not tell.
  const answered = (answer: JobAnswer): JobAnswer =>
    hadOtherRights() ? { ...failedBy(rightsChanged(job.kind)), state: 'completed' } : answer;
  return kind.run({ job, request, runtime, database, session, audit, awaitsAudit, answered, isAwaited });
}

/** Notes why a job has not come to its end, or that it is to be taken up again. */
async function settle(runtime: TenantRuntime, job: LeasedJob, error: unknown, stopping: Stopping): Promise<void> {
  const { repeats } = jobKinds[job.kind];
  // Somebody else has it, or it was cancelled.
  if (error instanceof LeaseLost) return;
  if (error instanceof JobStopped) {
    // A project that is stopped or has moved is left alone: there the lease runs out by itself.
    if (!stopping.repeatable.aborted) return;
    return giveBack(runtime, job, { waitSeconds: 0 });
  }
  const told = toldOf(error, job);
  const { status, unexpected } = answerOf(told);
  if (unexpected) {
    runtime.logger.error({ err: error, requestId: job.requestId, kind: job.kind }, 'a job failed');
  }
  const mayPass = status === 503 || (unexpected && job.faults + 1 < MAX_FAULTS);
  if (mayPass && repeats) return giveBack(runtime, job, { waitSeconds: RETRY_SECONDS, isFault: unexpected });
  await end(runtime, job, failedBy(told));
}

function toldOf(error: unknown, { kind }: LeasedJob): unknown {
  if (error instanceof RightsChanged) return rightsChanged(kind);
  return error instanceof AccessLost || isUnauthorized(error) ? noAccess() : error;
}

/** Ends the job; without what it was to bring, its files go. Those of whoever has taken it over meanwhile do not. */
async function end(runtime: TenantRuntime, job: LeasedJob, answer: JobAnswer): Promise<void> {
  try {
    await runtime.database.use((connection) => noteEnd(runtime, connection, job, answer));
  } catch (error) {
    if (error instanceof LeaseLost) return;
    throw error;
  }
  if (answer.state === 'completed') return;
  const noted = await runtime.database.use((connection) => findJob(connection, undefined, job.id));
  if (noted !== undefined) await removeJobFiles(runtime, noted);
}

function giveBack(
  runtime: TenantRuntime,
  job: LeasedJob,
  how: { readonly waitSeconds: number; readonly isFault?: boolean },
): Promise<void> {
  const asNew = jobKinds[job.kind].repeats;
  return runtime.database.use((connection) => returnLease(connection, job, { ...how, asNew }));
}

/** Told as a refusal: who asks for the job has a log-in, and 401 would end it. */
const noAccess = (): OutcomeError => forbidden('Whoever asked for this has no access to the project any more.');
const isUnauthorized = (error: unknown): boolean => error instanceof OutcomeError && error.category === 'unauthorized';

const cutShort = failedWith(
  500,
  'incomplete',
  'The batch was cut short. Some of its entries may have been carried out, and the one that was under way may still be ' +
    'within ten seconds: look then, before you send the others again.',
);
const givenUp = failedWith(
  500,
  'exception',
  'The request was begun too often without coming to an end, and was given up.',
);
