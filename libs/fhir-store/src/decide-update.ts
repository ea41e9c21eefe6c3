import { gone, notFound, preconditionFailed } from '#fhir';
import { bodyOf, type Draft } from './draft.js';
import type { StoredVersion } from './stored-version.js';

/** What a PUT does, once the stored resource is known. */
export type UpdateDecision = 'insert' | 'replace' | 'unchanged';

export interface UpdateFacts {
  /** The current version; undefined when there never was such a resource. */
  readonly current: StoredVersion | undefined;
  readonly draft: Draft;
  /** The header If-Match as received. */
  readonly ifMatch: string | undefined;
  /** Whether the caller may make a resource by PUT. */
  readonly mayCreate: boolean;
}

/**
 * Decides a PUT (https://hl7.org/fhir/R4/http.html#update, #upsert): an unknown or deleted id is for those who may
 * create by PUT, else 404 and 410; another version than If-Match names is 412; the same content makes no new version.
 */
export function decideUpdate({ current, draft, ifMatch, mayCreate }: UpdateFacts): UpdateDecision {
  if (current === undefined) {
    if (!mayCreate) throw notFound();
    if (ifMatch !== undefined) throw preconditionFailed('If-Match names a version, but there is no such resource');
    return 'insert';
  }
  if (current.deleted && !mayCreate) throw gone();
  assertIfMatch(ifMatch, current);
  if (current.deleted) return 'replace';
  return bodyOf(draft, current.versionId, current.lastUpdated) === current.body ? 'unchanged' : 'replace';
}

/**
 * Throws 412 unless the header names the current version. Weak and strong tags mean the same here, and `*` any version
 * of an existing resource (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1).
 */
export function assertIfMatch(ifMatch: string | undefined, current: StoredVersion): void {
  if (ifMatch === undefined) return;
  const named = entityTags(ifMatch);
  if (named.includes('*') ? !current.deleted : named.includes(current.versionId)) return;
  throw preconditionFailed(
    `If-Match names another version than the current one of ${current.type}/${current.id}, which is ${current.versionId}`,
  );
}

/** What the tags in a header or in an entry's condition say, without their quotes: version ids, or `*`. */
const entityTags = (condition: string): string[] =>
  condition.split(',').map((tag) => tag.trim().replace(/^(?:W\/)?"([^"]*)"$/, '$1'));
