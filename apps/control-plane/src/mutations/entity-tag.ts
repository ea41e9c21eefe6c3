import { DomainError } from '#platform';

/** The ETag of a revision. */
export function revisionTag(revision: number): string {
  return `W/"${revision}"`;
}

/**
 * Checks `If-Match` (RFC 9110 section 13.1.1, https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1) against the current
 * revision: without the header, with `*` or with the current tag in the list the request may go on, else it is refused
 * with `revision-mismatch`. Tags are compared weakly, since ours are weak.
 */
export function assertRevisionMatches(ifMatch: string | undefined, revision: number): void {
  if (ifMatch === undefined || ifMatch.trim() === '*') return;
  const tags = ifMatch.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  if (tags.includes(`"${revision}"`)) return;
  throw new DomainError(
    'precondition-failed',
    'revision-mismatch',
    `The project has changed meanwhile: it is at revision ${revision}. Read it again and repeat the change.`,
    { details: { revision } },
  );
}
