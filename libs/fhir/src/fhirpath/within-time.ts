import { createContext, Script } from 'node:vm';

/** Made once: a context for each call would cost more than what is done in it. */
const sandbox = createContext({ work: undefined });
const callWork = new Script('work()');

/**
 * Does `work`, which must not wait for anything, and breaks it off after `milliseconds`; a regular expression that goes
 * astray too. Returns undefined then. Whatever `work` throws passes.
 */
export function withinTime<Result>(milliseconds: number, work: () => Result): Result | undefined {
  sandbox['work'] = work;
  try {
    return callWork.runInContext(sandbox, { timeout: milliseconds }) as Result;
  } catch (error) {
    if (isTimeout(error)) return undefined;
    throw error;
  } finally {
    sandbox['work'] = undefined;
  }
}

/** The error is made in another realm than ours, so its class tells nothing. */
const isTimeout = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && 'code' in error && error.code === 'ERR_SCRIPT_EXECUTION_TIMEOUT';
