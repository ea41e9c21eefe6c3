import type { Connection } from '#postgres';
import type { OperationInteraction } from './bundle-entry.js';
import type { Presentation } from './presentation.js';

/** Something that an entry has read, and whose data it was (as `subjectsOf` tells it). */
export interface EntryReading {
  readonly entity: string;
  readonly subjects: string;
}

/** What comes back of a written resource (https://hl7.org/fhir/R4/http.html#ops). */
export type ReturnPreference = 'minimal' | 'representation' | 'OperationOutcome';

/** An operation that an entry of a batch calls, with the text of the entry's resource if it has one. */
export interface OperationCall extends OperationInteraction {
  readonly resource: string | undefined;
}

/** What an operation answers over HTTP. */
export interface OperationAnswer {
  readonly status: number;
  /** The text of the resource that is its result; from status 400 on that of an OperationOutcome. */
  readonly body: string;
}

export interface BundleOptions {
  /** Show `meta.author`, `project` and so on in the answer (header `X-Medplum: extended`). */
  readonly extended?: boolean;
  /** How searches in the Bundle treat unknown parameters (header `Prefer: handling=`); strict by default. */
  readonly handling?: 'strict' | 'lenient';
  /** What entries that write answer (header `Prefer: return=`); by default the resource. */
  readonly returns?: ReturnPreference;
  /**
   * Told what each entry that reads has read (`Patient/1`, `Patient?name=x`) and whose data it was (as `subjectsOf` tells
   * it), for the audit; in a batch also what the caller had no right to read.
   */
  readonly onRead?: (entity: string, outcome: 'success' | 'refused', subjects: string) => void;
  /**
   * Told about a fault of ours (no OutcomeError) in one entry of a batch, which is answered 500 while the others go on.
   * Without it such a fault fails the whole batch.
   */
  readonly onFault?: (error: unknown) => void;
  /**
   * Carries out an operation and returns what it answers, also when that is a refusal; throws OutcomeErrors. Without it
   * no entry can call one; in a transaction none can in any case, because an operation is not bound to its transaction.
   */
  readonly onOperation?: (call: OperationCall) => Promise<OperationAnswer>;
  /**
   * The last thing that is done inside a transaction, with the text of its answer and what it has read: what this writes is
   * kept together with what the Bundle wrote, or not at all. A batch has no such moment.
   */
  readonly beforeCommit?: (transaction: Connection, answer: string, readings: readonly EntryReading[]) => Promise<void>;
}

/** What an entry needs to know of the request besides itself. */
export interface BundleContext extends Presentation {
  readonly handling: 'strict' | 'lenient';
  readonly returns: ReturnPreference;
}
