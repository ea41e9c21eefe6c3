import { linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { processIdentity } from './process-identity.js';

/**
 * Makes sure that one process at a time keeps a server on a data directory. A lock left by a process that was killed
 * counts for nothing. Gives back the function that unlocks; throws when a living process holds the lock.
 */
export function lockDataDir(dataDir: string): () => void {
  const file = path.join(dataDir, 'instance.lock');
  const own = processIdentity(process.pid) ?? String(process.pid);
  const draft = `${file}.${process.pid}.draft`;
  writeDraft(draft, own, dataDir);
  try {
    while (!tryLink(draft, file)) {
      const holder = readLock(file);
      if (holder === undefined) continue;
      const pid = Number.parseInt(holder, 10);
      if (processIdentity(pid) === holder) {
        throw new Error(
          `Process ${pid} is already running with the data directory ${dataDir}. ` +
            'Stop it, or set BOXYARD_DATA_DIR to another folder.',
        );
      }
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    if (readLock(file) === own) rmSync(file, { force: true });
  };
}

function writeDraft(draft: string, own: string, dataDir: string): void {
  try {
    writeFileSync(draft, own);
  } catch (cause) {
    throw new Error(
      `This user cannot write to the data directory ${dataDir} (${(cause as NodeJS.ErrnoException).code}). ` +
        'Start as the user who made it, or set BOXYARD_DATA_DIR to another folder.',
      { cause },
    );
  }
}

function tryLink(draft: string, file: string): boolean {
  try {
    linkSync(draft, file);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

function readLock(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
