import { maxAttempts, type OperationError, retryDelayMs } from '#operations';
import { DomainError, type ErrorCategory } from '#platform';
import { sqlState } from '#postgres';

/** What the runner does after a step has failed. */
export type FailurePlan =
  | { readonly next: 'retry'; readonly delayMs: number; readonly error: OperationError }
  | { readonly next: 'give-up'; readonly error: OperationError };

/** The same request would fail again in the same way. */
const finalCategories: ReadonlySet<ErrorCategory> = new Set([
  'invalid',
  'denied',
  'not-found',
  'gone',
  'conflict',
  'unprocessable',
  'too-large',
]);

/** The longest pause between two attempts of what has no way back. */
const longestDelayMs = 3_600_000;

/**
 * Decides from the failed attempt (counted from 1) whether the operation is tried again. Errors of the domain that
 * would come again end it at once. Every other one ends it with the last attempt, if there is a last one.
 */
export function planFailure(
  failure: { step: string; attempt: number; error: unknown },
  afterLastAttempt: 'undo' | 'persist',
): FailurePlan {
  const error = toOperationError(failure.step, failure.error);
  const isLast = afterLastAttempt === 'undo' && failure.attempt >= maxAttempts;
  if (!error.retryable || isLast) return { next: 'give-up', error };
  return { next: 'retry', delayMs: patientDelayMs(failure.attempt), error };
}

/** As `retryDelayMs`, for what is tried until it succeeds: never more than an hour. */
export function patientDelayMs(attempt: number): number {
  return Math.min(retryDelayMs(attempt), longestDelayMs);
}

/**
 * What the operation's reader sees. Only errors of the domain are written for readers; the text of any other may hold
 * statements, names or values, so that of those only the SQLSTATE or Node's code is told and the rest is in the log.
 */
export function toOperationError(step: string, error: unknown): OperationError {
  if (error instanceof DomainError) {
    return { code: error.code, step, message: error.message, retryable: !finalCategories.has(error.category) };
  }
  const code = sqlState(error) ?? nodeCode(error);
  const cause = code === undefined ? '' : ` (${code})`;
  return {
    code: 'step-failed',
    step,
    message: `The step "${step}" failed${cause}. The worker's log has the details.`,
    retryable: true,
  };
}

function nodeCode(error: unknown): string | undefined {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' && /^E[A-Z]+$/.test(code) ? code : undefined;
}
