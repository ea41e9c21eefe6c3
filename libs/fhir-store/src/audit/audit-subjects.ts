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
  /** The same as it is stored, where the caller is shown less: whose data it is does not depend on what is shown of it. */
  readonly storedMeta?: string;
}

const compartmentStart = '"compartment":[';
const referenceStart = '"reference":"';
const referenceForm = /^[A-Za-z]{1,64}\/[A-Za-z0-9\-.]{1,64}$/;

/**
 * The column `subjects` of the audit for these resources: a line for each patient whose data they are, once, with the
 * patient first and the accounts of the data behind it; a line of accounts alone for what is no patient's. Empty when
 * nothing is known. Never throws.
 */
export function subjectsOf(resources: Iterable<AuditedResource>): string {
  let only: string | undefined;
  let lines: Set<string> | undefined;
  const take = (line: string): void => {
    // Nearly always everything on a page is one patient's.
    if (only === undefined) only = line;
    else if (line !== only) (lines ??= new Set([only])).add(line);
  };
  for (const resource of resources) {
    const { patients, accounts } = compartmentOf(resource);
    for (const patient of patients) take(patient + accounts);
    if (patients.length === 0 && accounts !== '') take(accounts.slice(1));
  }
  return lines === undefined ? (only ?? '') : [...lines].join('\n');
}

/** The patients, each once, and the accounts, each behind a space. Every read asks for it, so it looks for little. */
function compartmentOf(resource: AuditedResource): { patients: string[]; accounts: string } {
  const { type, id, extendedMeta: shown, storedMeta: extendedMeta = shown } = resource;
  const patients = type === 'Patient' ? [`Patient/${id}`] : [];
  let accounts = '';
  const start = extendedMeta.indexOf(compartmentStart);
  const end = start < 0 ? -1 : extendedMeta.indexOf(']', start);
  for (let at = extendedMeta.indexOf(referenceStart, start); start >= 0 && at >= 0 && at < end;) {
    const from = at + referenceStart.length;
    const to = extendedMeta.indexOf('"', from);
    if (to < 0) break;
    const reference = extendedMeta.slice(from, to);
    if (reference.startsWith('Patient/')) {
      if (!patients.includes(reference) && referenceForm.test(reference)) patients.push(reference);
    } else if (referenceForm.test(reference)) accounts += ` ${reference}`;
    at = extendedMeta.indexOf(referenceStart, to);
  }
  return { patients, accounts };
}
