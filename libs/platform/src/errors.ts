/** What went wrong, in the words of the domain. One filter per protocol turns the category into a status. */
export type ErrorCategory =
  | 'invalid'
  | 'unauthenticated'
  | 'denied'
  | 'not-found'
  | 'gone'
  | 'conflict'
  | 'precondition-failed'
  | 'unprocessable'
  | 'too-large'
  | 'too-many-requests'
  | 'unavailable'
  | 'internal';

export interface DomainErrorOptions {
  /** Seconds after which the same request may succeed; becomes `Retry-After`. */
  retryAfterSeconds?: number;
  /** Members that the protocol's error body may show. Never a secret. */
  details?: Record<string, unknown>;
  cause?: unknown;
}

/**
 * The one error below controllers. `code` is stable and part of the API (`slug-taken`); `message` says what was being
 * done, with which id, and what to try.
 */
export class DomainError extends Error {
  override readonly name = 'DomainError';
  readonly retryAfterSeconds?: number;
  readonly details?: Record<string, unknown>;

  constructor(
    readonly category: ErrorCategory,
    readonly code: string,
    message: string,
    options: DomainErrorOptions = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.retryAfterSeconds = options.retryAfterSeconds;
    this.details = options.details;
  }
}
