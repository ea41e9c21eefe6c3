import type { TenantDatabase } from '../tenant-database.js';
import { unresolved, type References } from './conditional-references.js';
import { withoutLatePatients } from './late-patients.js';
import type { Step } from './transaction-step.js';

/**
 * Which of the `open` entries of a transaction are written next: those that need not wait for another one to be written.
 * None only when it `isFirst`, or when the conditional references of all of them find nothing.
 */
export function nextToWrite(
  tenant: TenantDatabase,
  open: readonly Step[],
  references: References,
  isFirst: boolean,
): readonly Step[] {
  const resolved = open.filter((step) => unresolved(step, references) === undefined);
  const ready = resolved.filter(({ awaitedVersions }) => [...awaitedVersions].every(hasVersion));
  const timely = withoutLatePatients(tenant, ready, open, references);
  if (timely.length > 0 || isFirst) return timely;
  // Where patients and what refers to them wait for each other, the patients come last.
  if (ready.length > 0) return ready;
  // Where entries wait for each other's version, their links lose it.
  for (const step of resolved) step.dropsVersions = true;
  return resolved;
}

const hasVersion = ({ versionId }: Step): boolean => versionId !== undefined;
