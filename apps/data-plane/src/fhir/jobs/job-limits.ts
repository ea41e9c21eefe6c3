import type { JobLimits, ReachedLimit } from '#fhir-store';
import { DomainError } from '#platform';

/**
 * How many jobs a project may have. A member has a part of it, so that nobody takes the room of all; what has ended counts
 * until it is removed, because a copy of everything may have been kept of it.
 */
export const jobLimits: JobLimits = {
  unfinished: { membership: 3, project: 10 },
  exports: { membership: 5, project: 20 },
  others: { membership: 20, project: 100 },
};

/** An answer that has more characters is not kept: a day long it takes the room of the whole project. */
export const MAX_KEPT_ANSWER = 16 * 1024 * 1024;

const RETRY_SECONDS = { unfinished: 10, exports: 60, others: 60 } as const;
const what: Readonly<Record<ReachedLimit['of'], string>> = {
  unfinished: 'requests that are still being carried out',
  exports: 'exports that are kept',
  others: 'answers to earlier requests that are kept',
};

/** The 429 that says which limit was reached. */
export function tooManyJobs({ of, whose, max }: ReachedLimit): DomainError {
  const who = whose === 'membership' ? 'You have' : 'The project has';
  const text = `${who} ${max} ${what[of]}, and there may be no more. DELETE of an earlier one makes room.`;
  return new DomainError('too-many-requests', 'too-many-jobs', text, { retryAfterSeconds: RETRY_SECONDS[of] });
}
