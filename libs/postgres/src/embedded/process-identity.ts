import { readFileSync } from 'node:fs';

/**
 * Names a running process so that another one which later gets the same number is told apart: number, start time and
 * the machine's boot. Undefined when there is no such process, or when it has ended and only waits to be noticed by its
 * parent (which in a container may never happen). Without /proc only the number counts.
 */
export function processIdentity(pid: number): string | undefined {
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return undefined;
  }
  const { state, startTime } = readStat(pid);
  return state === 'Z' || state === 'X' ? undefined : `${pid} ${startTime} ${bootId()}`;
}

function readStat(pid: number): { state: string; startTime: string } {
  const stat = readProc(`/proc/${pid}/stat`) ?? '';
  // The program's name, in parentheses, may hold spaces and parentheses itself; the other fields come after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', startTime: fields[19] ?? '' };
}

function bootId(): string {
  return readProc('/proc/sys/kernel/random/boot_id')?.trim() ?? '';
}

function readProc(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
