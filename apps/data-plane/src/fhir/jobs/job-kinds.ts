import type { JobKind, RemovedJob } from '#fhir-store';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { accountsJob } from './accounts-job.js';
import { batchJob, transactionJob } from './bundle-job.js';
import { exportJob, type ExportProgress } from './export-job.js';
import type { KindOfJob } from './job-work.js';

export const jobKinds: Readonly<Record<JobKind, KindOfJob>> = {
  transaction: transactionJob,
  batch: batchJob,
  'set-accounts': accountsJob,
  export: exportJob,
};

/** What an export has noted of itself. */
export const exportProgress = ({ watermark }: Pick<RemovedJob, 'watermark'>): ExportProgress | undefined =>
  watermark === null ? undefined : (watermark as unknown as ExportProgress);

/** Removes the files that a job has noted; again, when a part of them is gone already. */
export async function removeJobFiles(
  { binaryContents }: Pick<TenantRuntime, 'binaryContents'>,
  job: Pick<RemovedJob, 'kind' | 'watermark'>,
): Promise<void> {
  if (job.kind !== 'export') return;
  for (const { place } of exportProgress(job)?.files ?? []) await binaryContents.remove(place.file);
}
