import type { StoredVersion } from '../stored-version.js';

const ENTITY_TAG = /^\s*(?:W\/)?"([^"]*)"\s*$/;

/** What a client says of the copy that it has. */
interface CopyConditions {
  readonly ifNoneMatch?: string;
  readonly ifModifiedSince?: string;
}

/**
 * Whether the client's copy of this version is still good: `ifNoneMatch` names it, or, without that, it is not newer than
 * `ifModifiedSince` (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3).
 */
export function isUnchanged(
  { ifNoneMatch, ifModifiedSince }: CopyConditions,
  version: Pick<StoredVersion, 'versionId' | 'lastUpdated'>,
): boolean {
  if (ifNoneMatch === undefined) return ifModifiedSince !== undefined && !isModifiedSince(version, ifModifiedSince);
  if (ifNoneMatch.trim() === '*') return true;
  return ifNoneMatch.split(',').some((tag) => ENTITY_TAG.exec(tag)?.[1] === version.versionId);
}

/**
 * Whether the version is newer than `moment`, an instant or an HTTP date (`… GMT`), which has seconds only
 * (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.3). A text that is no moment is ignored: the answer is true.
 */
function isModifiedSince(version: Pick<StoredVersion, 'lastUpdated'>, moment: string): boolean {
  const since = Date.parse(moment);
  if (Number.isNaN(since)) return true;
  const updated = Date.parse(version.lastUpdated);
  return (moment.endsWith('GMT') ? updated - (updated % 1000) : updated) > since;
}
