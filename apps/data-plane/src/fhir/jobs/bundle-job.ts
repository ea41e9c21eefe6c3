/**
 * Bundles that are answered later. A transaction notes its end and what it has read together with what it writes, so it is
 * carried out once, however often it is begun. Of a batch that was cut short nobody can tell how far it had come, so it is
 * not begun again.
 */
import { tooLarge } from '#fhir';
import { auditOrigin, LeaseLost, recordAudit, type AuditEntry, type BundleOptions } from '#fhir-store';
import { MAX_KEPT_ANSWER } from './job-limits.js';
import { AccessLost } from './job-rights.js';
import { asStarter, completed, failedBy, failedWith, JobStopped, noteEnd } from './job-work.js';
import type { JobAnswer, JobCourse, JobWork, KindOfJob } from './job-work.js';

/** What is kept of such a request. */
export interface BundleRequest extends Required<Pick<BundleOptions, 'extended' | 'handling' | 'returns'>> {
  readonly text: string;
  readonly baseUrl: string;
}

export const transactionJob: KindOfJob = { repeats: true, needsSameRights: false, run: carryOutTransaction };
export const batchJob: KindOfJob = { repeats: false, needsSameRights: false, run: carryOutBatch };

async function carryOutTransaction(work: JobWork): Promise<JobCourse> {
  const { text, baseUrl, ...presentation } = JSON.parse(work.request) as BundleRequest;
  const options: BundleOptions = {
    ...presentation,
    beforeCommit: async (transaction, answer, readings) => {
      if (answer.length > MAX_KEPT_ANSWER) throw tooLarge(`${tooLong} Nothing was carried out.`);
      const entries = readings.map((reading) => entryOf(work, { ...reading, outcome: 'success' }));
      if (entries.length > 0) await recordAudit(transaction, entries);
      await noteEnd(work.runtime, transaction, work.job, work.answered(completed(answer)));
    },
  };
  await asStarter(work, presentation.extended, (repository) => repository.processBundle(text, baseUrl, options));
  work.audit.sealSoon(work.runtime.database);
  return 'noted';
}

async function carryOutBatch(work: JobWork): Promise<JobCourse> {
  const { text, baseUrl, ...presentation } = JSON.parse(work.request) as BundleRequest;
  const { audit, runtime, job } = work;
  const options: BundleOptions = {
    ...presentation,
    onRead: (entity, outcome, subjects) => audit.record(runtime.database, entryOf(work, { entity, outcome, subjects })),
    onFault: (error) => {
      if (endsBatch(error)) throw error;
      runtime.logger.error({ err: error, requestId: job.requestId }, 'an entry of a batch failed');
    },
  };
  let answer: string;
  try {
    answer = await asStarter(work, presentation.extended, (repository) =>
      repository.processBundle(text, baseUrl, options),
    );
  } catch (error) {
    if (error instanceof AccessLost) return accessLost;
    throw error;
  }
  audit.sealSoon(runtime.database);
  if (answer.length > MAX_KEPT_ANSWER) return failedBy(tooLarge(`${tooLong} The batch was carried out.`));
  return (await isAudited(work)) ? work.answered(completed(answer)) : notAudited;
}

const endsBatch = (error: unknown): boolean =>
  error instanceof LeaseLost || error instanceof JobStopped || error instanceof AccessLost;

/** Whether what was read is in the audit, where an answer has to wait for that. */
async function isAudited({ audit, awaitsAudit, runtime, job }: JobWork): Promise<boolean> {
  if (!awaitsAudit) return true;
  try {
    await audit.written(runtime.database);
    return true;
  } catch (error) {
    runtime.logger.error({ err: error, requestId: job.requestId }, 'a batch could not be audited');
    return false;
  }
}

const tooLong = `The answer has more than ${MAX_KEPT_ANSWER / (1024 * 1024)} Mi characters, so it is not kept; send fewer entries, or with 'Prefer: return=minimal'.`;

const notAudited: JobAnswer = failedWith(
  503,
  'transient',
  'The batch was carried out. Its answer is not handed out, since what was read could not be written to the audit.',
);

/** Told as a refusal: who asks for the job has a log-in, and 401 would end it. */
const accessLost: JobAnswer = failedWith(
  403,
  'forbidden',
  'Whoever asked for this lost access to the project while it was carried out. A part of the batch was carried out, the rest was not.',
);

type Reading = Pick<AuditEntry, 'entity' | 'outcome' | 'subjects'>;

const entryOf = ({ session, job }: JobWork, reading: Reading): AuditEntry => ({
  ...auditOrigin(session.caller(job.requestId)),
  action: 'R',
  ...reading,
});
