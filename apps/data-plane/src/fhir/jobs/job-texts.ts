import { open, seal } from '#platform';

/** The texts of a job that are kept: what was asked for, and what is answered. */
type JobText = 'request' | 'result';

/**
 * Seals the texts of one project's jobs. A Bundle may hold the secret of a program, and its answer what a policy hides from
 * others; a backup, or the log from which the database is restored, keeps both longer than the job.
 */
export class JobTexts {
  /** `key` has 32 secret bytes that belong to the project and this purpose alone. */
  constructor(private readonly key: Buffer) {}

  seal(jobId: string, what: JobText, text: string): Buffer {
    return seal(this.key, text, contextOf(jobId, what));
  }

  /** The text again. Throws a DomainError (`internal`, `seal-broken`) when it is another job's or project's. */
  open(jobId: string, what: JobText, sealed: Buffer): string {
    return open(this.key, sealed, contextOf(jobId, what)).toString('utf8');
  }
}

const contextOf = (jobId: string, what: JobText): string => `job:${jobId}:${what}`;
