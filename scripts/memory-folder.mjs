/**
 * A folder in memory for the temporary files of a test run, where the machine has plenty of it. The tests make and drop
 * thousands of databases of a thousand files each; a disk's file system takes longer for that than PostgreSQL does.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import path from 'node:path';

const sharedMemory = '/dev/shm';
const prefix = 'boxyard-test-';
/** A run fills less than half of this. */
const neededBytes = 4 * 2 ** 30;

/** Makes the folder, which everybody may use: servers run as another user. Undefined where there is too little memory. */
export function makeMemoryFolder() {
  if (!existsSync(sharedMemory)) return undefined;
  for (const name of readdirSync(sharedMemory)) {
    if (name.startsWith(prefix) && !isRunning(Number(name.slice(prefix.length)))) remove(path.join(sharedMemory, name));
  }
  const { bavail, bsize } = statfsSync(sharedMemory);
  if (bavail * bsize < neededBytes || process.availableMemory() < 2 * neededBytes) return undefined;
  const folder = path.join(sharedMemory, `${prefix}${process.pid}`);
  remove(folder);
  mkdirSync(folder);
  chmodSync(folder, 0o1777);
  return folder;
}

export function remove(folder) {
  rmSync(folder, { recursive: true, force: true });
}

/** A run that was killed has left its folder behind. */
function isRunning(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}
