import { RightsChangeNeeded } from '../transaction.js';

/** How often a write without a lock is tried before it waits for its turn. */
const tries = 3;

/**
 * Writes without a lock: `write` reads, decides, and writes if nobody was quicker. Undefined, so that the caller writes in
 * a transaction: others were quicker each time, or the write `changesRights`, which `write` may find out too.
 */
export async function optimistically<Result>(
  changesRights: boolean,
  write: () => Promise<Result | undefined>,
): Promise<Result | undefined> {
  if (changesRights) return undefined;
  try {
    for (let attempt = 0; attempt < tries; attempt++) {
      const result = await write();
      if (result !== undefined) return result;
    }
  } catch (error) {
    if (!(error instanceof RightsChangeNeeded)) throw error;
  }
  return undefined;
}
