/**
 * A resource takes over the accounts of the patients that it refers to, so within a transaction it is written with them or
 * after them. Most patients go with everything else; late are those that are found by criteria or patched, and those whose
 * own references are not known yet.
 */
import { chartType, patientsOf } from '../accounts/patient-compartment.js';
import type { TenantDatabase } from '../tenant-database.js';
import type { References } from './conditional-references.js';
import type { Step } from './transaction-step.js';

/**
 * Those of `ready` that refer to no patient who is written later; `open` are all entries that are not written yet, and
 * `references` tells what conditional references mean.
 */
export function withoutLatePatients(
  { version, ownBaseUrls }: TenantDatabase,
  ready: readonly Step[],
  open: readonly Step[],
  references: References,
): readonly Step[] {
  const late = open.filter((step) => isChart(step) && !(isPlain(step) && ready.includes(step)));
  if (late.length === 0) return ready;
  const patients = new Set(late.flatMap(({ id }) => (id === undefined ? [] : `${chartType}/${id}`)));
  // Whom a late one is about is not known before it is found: it may be any patient.
  const mayBeAny = late.some(({ id }) => id === undefined);
  return ready.filter((step) => {
    if (isChart(step)) return true;
    // What a patch makes of a resource is not known before.
    if (step.written === undefined) return false;
    if (late.some((patient) => step.awaited.has(patient))) return false;
    const found = [...step.conditions].flatMap((condition) => references.get(condition) ?? []);
    const named = patientsOf(version, step.written.text.value, ownBaseUrls);
    const about = [...found.filter((target) => target.startsWith(`${chartType}/`)), ...named];
    return !about.some((patient) => mayBeAny || patients.has(patient));
  });
}

const isChart = ({ interaction }: Step): boolean => 'type' in interaction && interaction.type === chartType;

const isPlain = ({ interaction: { kind } }: Step): boolean => kind === 'create' || kind === 'update';
