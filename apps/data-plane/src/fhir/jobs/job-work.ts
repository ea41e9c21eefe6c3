import { operationOutcome } from '#fhir';
import {
  endJob,
  type JobLease,
  type LeasedJob,
  type ReadAudit,
  type ResourceRepository,
  type TenantDatabase,
} from '#fhir-store';
import type { Connection } from '#postgres';
import type { Session } from '../../auth/session.js';
import { answerOf } from '../../http/error-answer.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { runAsSession } from '../run-as-caller.js';

/** A job that this process carries out. */
export interface JobWork {
  readonly job: LeasedJob;
  /** What is to be done. */
  readonly request: string;
  readonly runtime: TenantRuntime;
  /** The tenant's database as long as the lease is good and the work may go on. */
  readonly database: TenantDatabase;
  /** In which whoever started the job acts, with the rights of this moment. */
  readonly session: Session;
  readonly audit: ReadAudit;
  /** Whether nobody may see data before it is in the audit that it was read. */
  readonly awaitsAudit: boolean;
  /** What is answered at the end instead of `answer` when the rights were not always those with which it was started. */
  answered(answer: JobAnswer): JobAnswer;
  /** Whether other jobs wait for this one's place. */
  isAwaited(): boolean;
}

/** How a job ends: the text that is answered from now on (null where the watermark says it all), and its status. */
export interface JobAnswer {
  readonly state: 'completed' | 'failed';
  readonly text: string | null;
  readonly status: number;
}

/** `noted`: its end has been noted together with what it did. `paused`: it goes on when others have had their turn. */
export type JobCourse = JobAnswer | 'noted' | 'paused';

/** What kinds of jobs differ in. */
export interface KindOfJob {
  /** Whether what was begun and cut short is begun again, or gone on with. */
  readonly repeats: boolean;
  /** Whether all of it is handed out at the end, so that it ends when rights change. */
  readonly needsSameRights: boolean;
  /** Carries the job out, or a part of it. Throws what it ends by. */
  run(work: JobWork): Promise<JobCourse>;
}

/** Ends the work on a job that is to be taken up again, here or elsewhere: the process or the project is being stopped. */
export class JobStopped extends Error {
  override readonly name = 'JobStopped';

  constructor() {
    super('The work on the job was stopped.');
  }
}

/** Does `work` with the project's resources as whoever started the job may see them now. Throws as `runAsCaller` does. */
export function asStarter<T>(
  { session, job, database }: JobWork,
  extended: boolean,
  work: (repository: ResourceRepository) => Promise<T>,
): Promise<T> {
  return runAsSession(session, { requestId: job.requestId, extended, database }, work);
}

export const completed = (text: string | null): JobAnswer => ({ state: 'completed', text, status: 200 });

/** The end by an error, with what it would have been answered at once. */
export function failedBy(error: unknown): JobAnswer {
  const { status, body } = answerOf(error);
  return { state: 'failed', text: body, status };
}

/** An end that is told in these words. */
export const failedWith = (status: number, code: string, text: string): JobAnswer => ({
  state: 'failed',
  text: JSON.stringify(operationOutcome(undefined, [{ severity: 'error', code, text }])),
  status,
});

/** Notes how the job has ended. Throws LeaseLost. */
export function noteEnd(
  { jobTexts }: Pick<TenantRuntime, 'jobTexts'>,
  connection: Connection,
  job: JobLease,
  { state, text, status }: JobAnswer,
): Promise<void> {
  const result = text === null ? null : jobTexts.seal(job.id, 'result', text);
  return endJob(connection, job, { state, result, status });
}
