import type { JobKind, WithdrawnJob } from '#fhir-store';
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
export const exportProgress = ({ watermark }: Pick<WithdrawnJob, 'watermark'>): ExportProgress | undefined =>
  watermark === null ? undefined : (watermark as unknown as ExportProgress);

/** Of which types there are resources in what a job has made; undefined where nobody can tell. */
export const typesOfFiles = (job: Pick<WithdrawnJob, 'kind' | 'watermark'>): readonly string[] | undefined =>
  job.kind === 'export' ? (exportProgress(job)?.files ?? []).map(({ type }) => type) : undefined;

/** Removes the files that a job has noted; again, when a part of them is gone already. */
export async function removeJobFiles(
  { binaryContents }: Pick<TenantRuntime, 'binaryContents'>,
  job: Pick<WithdrawnJob, 'kind' | 'watermark'>,
): Promise<void> {
  if (job.kind !== 'export') return;
  for (const { place } of exportProgress(job)?.files ?? []) await binaryContents.remove(place.file);
}
