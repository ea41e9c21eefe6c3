/**
 * Whose data something is: the patients in whose compartments resources are, and the accounts under which they are filed.
 * That stands in `meta.compartment`, so it costs no parsing of bodies.
 */

/** What is known of a stored resource, or of one that is about to be. */
export interface AuditedResource {
  readonly type: string;
  readonly id: string;
  /** The members of `meta` in extended mode, as JSON text in normal form. */
  readonly extendedMeta: string;
}

const compartmentStart = '"compartment":[';
const referenceForm = /"reference":"([A-Za-z]{1,64}\/[A-Za-z0-9\-.]{1,64})"/g;

/**
 * The column `subjects` of the audit for these resources: a line for each patient whose data they are, once, with the
 * patient first and the accounts of the data behind it; a line of accounts alone for what is no patient's. Empty when
 * nothing is known. Never throws.
 */
export function subjectsOf(resources: Iterable<AuditedResource>): string {
  let only: string | undefined;
  let lines: Set<string> | undefined;
  for (const resource of resources) {
    for (const line of linesOf(resource)) {
      // Nearly always everything on a page is one patient's.
      if (only === undefined) only = line;
      else if (line !== only) (lines ??= new Set([only])).add(line);
    }
  }
  return lines === undefined ? (only ?? '') : [...lines].join('\n');
}

function linesOf({ type, id, extendedMeta }: AuditedResource): string[] {
  const own = type === 'Patient' ? `Patient/${id}` : undefined;
  const start = extendedMeta.indexOf(compartmentStart);
  if (start < 0) return own === undefined ? [] : [own];
  const compartment = extendedMeta.slice(start, extendedMeta.indexOf(']', start));
  const patients = new Set(own === undefined ? [] : [own]);
  let accounts = '';
  for (const [, reference = ''] of compartment.matchAll(referenceForm)) {
    if (reference.startsWith('Patient/')) patients.add(reference);
    else accounts += ` ${reference}`;
  }
  if (patients.size === 0) return accounts === '' ? [] : [accounts.slice(1)];
  return [...patients].map((patient) => patient + accounts);
}
