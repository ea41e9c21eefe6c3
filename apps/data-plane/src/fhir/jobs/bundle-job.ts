/**
 * Bundles that are answered later. A transaction notes its end together with what it writes, so it is carried out once,
 * however often it is begun. Of a batch that was cut short nobody can tell how far it had come, so it is not begun again.
 */
import { auditOrigin, endJob, LeaseLost, type BundleOptions, type JobEnd } from '#fhir-store';
import { loggableError } from '../../http/loggable-error.js';
import { asStarter, JobStopped, type JobWork, type KindOfJob } from './job-work.js';

/** What is kept of such a request. */
export interface BundleRequest extends Required<Pick<BundleOptions, 'extended' | 'handling' | 'returns'>> {
  readonly text: string;
  readonly baseUrl: string;
}

export const transactionJob: KindOfJob = { repeats: true, run: carryOut };
export const batchJob: KindOfJob = { repeats: false, run: carryOut };

async function carryOut(work: JobWork): Promise<JobEnd | undefined> {
  const { text, baseUrl, ...presentation } = JSON.parse(work.job.request) as BundleRequest;
  let isNoted = false;
  const options: BundleOptions = {
    ...presentation,
    onRead: (entity, outcome, subjects) => recordReading(work, { entity, outcome, subjects }),
    onFault: (error) => {
      if (error instanceof LeaseLost || error instanceof JobStopped) throw error;
      const { logger } = work.runtime;
      logger.error({ err: loggableError(error), requestId: work.job.requestId }, 'an entry of a batch failed');
    },
    beforeCommit: async (transaction, result) => {
      await endJob(transaction, work.job, completed(result));
      isNoted = true;
    },
  };
  const answer = await asStarter(work, presentation.extended, (repository) =>
    repository.processBundle(text, baseUrl, options),
  );
  work.audit.sealSoon(work.runtime.database);
  return isNoted ? undefined : completed(answer);
}

const completed = (result: string): JobEnd => ({ state: 'completed', result, status: 200 });

interface Reading {
  readonly entity: string;
  readonly outcome: 'success' | 'refused';
  readonly subjects: string;
}

function recordReading({ audit, runtime, session, job }: JobWork, reading: Reading): void {
  audit.record(runtime.database, { ...auditOrigin(session.caller(job.requestId)), action: 'R', ...reading });
}
