/** The modes in which PostgreSQL locks tables, weakest first: https://www.postgresql.org/docs/18/explicit-locking.html */
const lockModes = [
  'ACCESS SHARE',
  'ROW SHARE',
  'ROW EXCLUSIVE',
  'SHARE UPDATE EXCLUSIVE',
  'SHARE',
  'SHARE ROW EXCLUSIVE',
  'EXCLUSIVE',
  'ACCESS EXCLUSIVE',
] as const;

export type LockMode = (typeof lockModes)[number];

/** What of a project's traffic waits while a lock is held. */
export type Blocked = 'nothing' | 'writes' | 'reads and writes';

/** What a lock of this mode keeps waiting; none blocks nothing. */
export function blockedBy(lock: LockMode | null): Blocked {
  if (lock === 'ACCESS EXCLUSIVE') return 'reads and writes';
  return lock !== null && lockModes.indexOf(lock) >= lockModes.indexOf('SHARE') ? 'writes' : 'nothing';
}
