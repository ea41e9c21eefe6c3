import type { LeasedJob, ReadAudit, ResourceRepository, TenantDatabase, JobEnd } from '#fhir-store';
import type { Session } from '../../auth/session.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { runAsSession } from '../run-as-caller.js';

/** A job that this process carries out. */
export interface JobWork {
  readonly job: LeasedJob;
  readonly runtime: TenantRuntime;
  /** The tenant's database as long as the lease is good and the work may go on. */
  readonly database: TenantDatabase;
  /** In which whoever started the job acts, with the rights of this moment. */
  readonly session: Session;
  readonly audit: ReadAudit;
}

/** What kinds of jobs differ in. */
export interface KindOfJob {
  /** Whether what was begun and cut short is begun again, or gone on with. */
  readonly repeats: boolean;
  /** Carries the job out; undefined when its end has been noted together with what it did. Throws what it ends by. */
  run(work: JobWork): Promise<JobEnd | undefined>;
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
