/** Requests that are answered later (https://hl7.org/fhir/R4/async.html): what is kept of one in the tenant database. */
import type { JsonObject } from '#fhir';

export type JobKind = 'transaction' | 'batch' | 'set-accounts' | 'export';

/** `accepted` waits for somebody to carry it out; `active` is being carried out. */
export type JobState = 'accepted' | 'active' | 'completed' | 'failed';

/** A request that is to be kept. */
export interface NewJob {
  /** Nobody can guess it. */
  readonly id: string;
  readonly kind: JobKind;
  /** The id of the membership with whose rights it is carried out. */
  readonly membership: string;
  /** How a session of whoever started it is opened again. */
  readonly starter: JsonObject;
  /** Of the request that started it. */
  readonly requestId: string;
  /** What is to be done, sealed: it may hold secrets, and backups are kept longer than jobs. */
  readonly request: Buffer;
}

/** How many jobs there may be, of one membership and of the whole project. */
interface Limit {
  readonly membership: number;
  readonly project: number;
}

export interface JobLimits {
  /** Jobs that have not ended. */
  readonly unfinished: Limit;
  /** Exports that have not expired, those that have ended too: each may be a copy of everything. */
  readonly exports: Limit;
  /** The same for all other jobs, of which the answers are kept. */
  readonly others: Limit;
}

/** The limit that keeps a job from being accepted. */
export interface ReachedLimit {
  readonly of: keyof JobLimits;
  readonly whose: keyof Limit;
  readonly max: number;
}

/** The right to carry out a job, good until somebody else has got a later one. */
export interface JobLease {
  readonly id: string;
  readonly fence: string;
}

/** A job that somebody may carry out now. */
export interface LeasedJob extends JobLease, Pick<NewJob, 'kind' | 'membership' | 'starter' | 'requestId'> {
  readonly request: Buffer;
  /** What was noted last; null when nothing was. */
  readonly watermark: JsonObject | null;
  /** How many have carried it out and were not heard of any more. */
  readonly takeovers: number;
  /** How often it was given back because of something unforeseen. */
  readonly faults: number;
  /** Whether somebody has begun it before, and has not come to an end. */
  readonly wasBegun: boolean;
}

/** What can be said of a job to whoever asks for it. */
export interface StoredJob {
  readonly id: string;
  readonly kind: JobKind;
  readonly membership: string;
  readonly starter: JsonObject;
  readonly state: JobState;
  readonly progress: string;
  readonly watermark: JsonObject | null;
  /** What is answered when it has ended, sealed. */
  readonly result: Buffer | null;
  readonly resultStatus: number | null;
  /** Whether it has not ended and nobody is carrying it out. */
  readonly isLeft: boolean;
  readonly expiresAt: Date;
}

/** How a job has ended. */
export interface JobEnd {
  readonly state: 'completed' | 'failed';
  /** The sealed text that is answered from now on, and its HTTP status; null where the watermark says it all. */
  readonly result: Buffer | null;
  readonly status: number;
}

/** What a withdrawn job leaves behind: its watermark may name files. */
export type WithdrawnJob = Pick<StoredJob, 'id' | 'kind' | 'watermark'>;

/** Somebody else carries the job out now, or it was cancelled: nothing of what is done from here on may count. */
export class LeaseLost extends Error {
  override readonly name = 'LeaseLost';

  constructor() {
    super('The lease of the job is over: it was cancelled, or another process has taken it over.');
  }
}
