import type { Connection } from '../connection.js';

/** Starts `work` at once and calls `giveBack` when its promise settles, before its outcome is passed on. */
export function workOn<T, L extends Connection>(
  lease: L,
  work: (connection: Connection) => Promise<T>,
  giveBack: (lease: L) => void,
): Promise<T> {
  let result: Promise<T>;
  try {
    result = work(lease);
  } catch (error) {
    result = Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
  return result.then(
    (value) => {
      giveBack(lease);
      return value;
    },
    (error: unknown) => {
      giveBack(lease);
      throw error;
    },
  );
}
