/** An operation is tried this many times before it is undone and its project is `failed`. */
export const maxAttempts = 5;

const firstDelayMs = 500;

/**
 * How long to wait after attempt number `attempt` (from 1) has failed: 0.5, 1, 2, 4 s. All five attempts fit into some
 * ten seconds, because somebody is waiting for the answer; a cluster that is away for longer makes the operation fail
 * cleanly, and the caller may ask again.
 */
export function retryDelayMs(attempt: number): number {
  return firstDelayMs * 2 ** (attempt - 1);
}
