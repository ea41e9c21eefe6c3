import type { Presentation } from './presentation.js';

export interface BundleOptions {
  /** Show `meta.author`, `project` and so on in the answer (header `X-Medplum: extended`). */
  readonly extended?: boolean;
  /** How searches in the Bundle treat unknown parameters (header `Prefer: handling=`); strict by default. */
  readonly handling?: 'strict' | 'lenient';
  /** Told what each entry that reads has read (`Patient/1`, `Patient?name=x`), for the audit. */
  readonly onRead?: (entity: string) => void;
  /**
   * Told about a fault of ours (no OutcomeError) in one entry of a batch, which is answered 500 while the others go on.
   * Without it such a fault fails the whole batch.
   */
  readonly onFault?: (error: unknown) => void;
}

/** What an entry needs to know of the request besides itself. */
export interface BundleContext extends Presentation {
  readonly handling: 'strict' | 'lenient';
}
