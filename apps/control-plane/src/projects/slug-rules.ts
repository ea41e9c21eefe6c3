/** Names that are, or may become, part of the platform's own addresses. */
const reservedSlugs: ReadonlySet<string> = new Set(
  'www api admin auth control static metrics health fhir shared p app console docs status'.split(' '),
);

/** Why a text cannot be a project's slug, in one sentence; undefined when it can. */
export function slugProblem(value: unknown): string | undefined {
  if (typeof value !== 'string') return 'must be a text';
  if (!/^[a-z0-9-]*$/.test(value)) return 'may hold only lower-case letters a to z, digits and hyphens';
  // A reserved word may be shorter than a slug; that it is reserved is the reason that matters.
  if (reservedSlugs.has(value)) return 'is a reserved word';
  if (value.length < 3 || value.length > 40) return 'must be 3 to 40 characters long';
  if (!/^[a-z]/.test(value)) return 'must begin with a letter';
  if (value.endsWith('-')) return 'must end with a letter or a digit';
  if (value.includes('--')) return 'must not hold two hyphens in a row';
  return undefined;
}
