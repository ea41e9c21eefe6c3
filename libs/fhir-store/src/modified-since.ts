import type { StoredVersion } from './stored-version.js';

/**
 * Whether the version is newer than `moment`, an instant or an HTTP date (`… GMT`), which has seconds only
 * (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3). A text that is no moment is ignored: the answer is true.
 */
export function isModifiedSince(version: Pick<StoredVersion, 'lastUpdated'>, moment: string): boolean {
  const since = Date.parse(moment);
  if (Number.isNaN(since)) return true;
  const updated = Date.parse(version.lastUpdated);
  return (moment.endsWith('GMT') ? updated - (updated % 1000) : updated) > since;
}
