import { preferences } from '#platform';

const longestWaitSeconds = 60;

/**
 * The seconds of `Prefer: wait=N` (RFC 7240 section 4.3, https://www.rfc-editor.org/rfc/rfc7240#section-4.3), at most
 * 60; 0 when there is no such preference or it is not a whole number: RFC 7240 says to ignore what is not understood.
 */
export function preferredWaitSeconds(header: string | string[] | undefined): number {
  const wait = preferences(header).get('wait') ?? '';
  return /^\d{1,9}$/.test(wait) ? Math.min(Number(wait), longestWaitSeconds) : 0;
}
