import { readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { processIdentity } from './process-identity.js';
import type { EmbeddedLog } from './embedded-log.js';

const stopTimeoutMs = 60_000;
const killTimeoutMs = 10_000;

/**
 * Clears the way when the process that kept the last server was killed. Its postmaster may still run, and is then asked
 * to stop; or its pid file is left, with a number that some other process may have by now. PostgreSQL takes any process
 * with that number for a postmaster, so the number is replaced by ours: it knows its own parent for no postmaster, and still checks (by the rest of the file) that no old server process is attached to the shared memory,
 * which it could not do if we removed the file.
 */
export async function clearPreviousServer(clusterDir: string, log: EmbeddedLog): Promise<void> {
  const file = path.join(clusterDir, 'postmaster.pid');
  const content = readIfThere(file);
  if (content === undefined) return;
  const pid = Number.parseInt(content, 10);
  if (!(pid > 0)) return;
  const identity = processIdentity(pid);
  if (identity !== undefined && isPostmasterOf(pid, clusterDir)) {
    log.warn({ pid }, 'stopping the PostgreSQL that an earlier, killed process left running');
    await stopProcess(pid, identity);
  } else {
    writeFileSync(file, content.replace(/^\d+/, String(process.pid)));
  }
}

/** A postmaster's working directory is its data directory. */
function isPostmasterOf(pid: number, clusterDir: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === clusterDir;
  } catch {
    // Another user's process, which is not ours, or a system without /proc, where PostgreSQL's own check must do.
    return false;
  }
}

async function stopProcess(pid: number, identity: string): Promise<void> {
  process.kill(pid, 'SIGINT');
  if (await isGoneWithin(pid, identity, stopTimeoutMs)) return;
  process.kill(pid, 'SIGQUIT');
  if (await isGoneWithin(pid, identity, killTimeoutMs)) return;
  throw new Error(`The PostgreSQL that an earlier process left running (process ${pid}) does not stop. Kill it.`);
}

async function isGoneWithin(pid: number, identity: string, timeoutMs: number): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (processIdentity(pid) === identity) {
    if (performance.now() > deadline) return false;
    await pause(20);
  }
  return true;
}

function readIfThere(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
