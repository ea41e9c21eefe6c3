const longestWaitSeconds = 60;

/**
 * The seconds of `Prefer: wait=N` (RFC 7240 section 4.3, https://www.rfc-editor.org/rfc/rfc7240#section-4.3), at most
 * 60; 0 when there is no such preference or it is not a whole number: RFC 7240 says to ignore what is not understood.
 */
export function preferredWaitSeconds(header: string | string[] | undefined): number {
  const text = Array.isArray(header) ? header.join(',') : (header ?? '');
  for (const preference of text.split(',')) {
    const [token = ''] = preference.split(';');
    const match = /^\s*wait\s*=\s*"?(\d{1,9})"?\s*$/i.exec(token);
    if (match) return Math.min(Number(match[1]), longestWaitSeconds);
  }
  return 0;
}
