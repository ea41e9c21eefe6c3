import { DomainError } from '#platform';
import type { CircuitBreaker } from './circuit-breaker.js';

/** No connection became free in time. */
export function busy(queueDeadlineMs: number, cause?: unknown): DomainError {
  const message = `No connection to the tenant database became free within ${queueDeadlineMs} ms.`;
  return unavailable('database-busy', message, { cause });
}

/** No connection can be opened now. */
export function unreachable(breaker: CircuitBreaker, cause?: unknown): DomainError {
  const retryAfterSeconds = breaker.state === 'open' ? breaker.retryAfterSeconds : 1;
  return unavailable('database-unreachable', 'The tenant database cannot be reached.', { retryAfterSeconds, cause });
}

/** The tenant's connections are being closed, because its placement has changed. */
export function moved(): DomainError {
  return unavailable('database-moved', 'The tenant database is being closed.');
}

export function shuttingDown(): DomainError {
  return unavailable('shutting-down', 'This process is stopping; another one can answer.');
}

function unavailable(code: string, message: string, options: { retryAfterSeconds?: number; cause?: unknown } = {}) {
  return new DomainError('unavailable', code, message, { retryAfterSeconds: 1, ...options });
}
