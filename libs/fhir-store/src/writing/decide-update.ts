import { isDeepStrictEqual } from 'node:util';
import { gone, notFound, preconditionFailed, readLossless } from '#fhir';
import { bodyOf, type Draft } from './draft.js';
import type { StoredVersion } from '../stored-version.js';

/** What a PUT does to the stored resource: bring it into being (again), or change it. */
export type UpdateDecision = 'create' | 'update';

/** What a client says of the stored version that its write depends on: the headers of these names, as received. */
export interface WriteConditions {
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
}

export interface UpdateFacts {
  /** The current version; undefined when there never was such a resource. */
  readonly current: StoredVersion | undefined;
  readonly conditions: WriteConditions;
  /** Whether the caller may make a resource by PUT. */
  readonly mayCreate: boolean;
}

/**
 * Decides a PUT (https://hl7.org/fhir/R4/http.html#update, #upsert): an unknown or deleted id is for those who may
 * create by PUT, else 404 and 410; a condition that does not hold is 412.
 */
export function decideUpdate({ current, conditions, mayCreate }: UpdateFacts): UpdateDecision {
  if (!mayCreate && current === undefined) throw notFound();
  if (!mayCreate && current?.deleted === true) throw gone();
  assertConditions(conditions, current);
  return current === undefined || current.deleted ? 'create' : 'update';
}

/**
 * Whether the draft says what the current version says already, so that no version is made. `isMerged`: its text was put
 * together, so the order of its members tells nothing.
 */
export function saysTheSame(draft: Draft, current: StoredVersion, isMerged = false): boolean {
  if (current.deleted) return false;
  const body = bodyOf(draft, current.versionId, current.lastUpdated);
  if (body === current.body) return true;
  return isMerged && isDeepStrictEqual(readLossless(body), readLossless(current.body));
}

/** Throws 412 unless both conditions hold. */
export function assertConditions({ ifMatch, ifNoneMatch }: WriteConditions, current: StoredVersion | undefined): void {
  assertIfMatch(ifMatch, current);
  assertIfNoneMatch(ifNoneMatch, current);
}

/**
 * Throws 412 unless the header names the current version. Weak and strong tags mean the same here, and `*` any version
 * of an existing resource (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.1).
 */
function assertIfMatch(ifMatch: string | undefined, current: StoredVersion | undefined): void {
  if (ifMatch === undefined) return;
  if (current === undefined) throw preconditionFailed('If-Match names a version, but there is no such resource');
  const named = entityTags(ifMatch);
  if (named.includes('*') ? !current.deleted : named.includes(current.versionId)) return;
  throw preconditionFailed('If-Match names another version than the current one');
}

/**
 * Throws 412 when the header names the current version, or by `*` any, as those do who want to make what is not there yet
 * (https://www.rfc-editor.org/rfc/rfc9110#section-13.1.2). What is deleted has no version that could be named.
 */
function assertIfNoneMatch(ifNoneMatch: string | undefined, current: StoredVersion | undefined): void {
  if (ifNoneMatch === undefined || current === undefined || current.deleted) return;
  const named = entityTags(ifNoneMatch);
  if (named.includes('*')) throw preconditionFailed('If-None-Match allows no version, but there is such a resource');
  if (named.includes(current.versionId)) throw preconditionFailed('If-None-Match names the current version');
}

/** What the tags in a header or in an entry's condition say, without their quotes: version ids, or `*`. */
const entityTags = (condition: string): string[] =>
  condition.split(',').map((tag) => tag.trim().replace(/^(?:W\/)?"([^"]*)"$/, '$1'));
