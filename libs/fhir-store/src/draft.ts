import { bodyHead, bodyTail } from '#fhir';
import { indexResource, selfHash, type IndexRows } from '#fhir-search';
import type { Caller } from './caller.js';
import type { Credentials, TakenResource } from './credentials/take-credentials.js';
import type { TenantDatabase } from './tenant-database.js';

/** A finished resource, ready to be written: all that can be computed without the database has been computed. */
export interface Draft {
  readonly type: string;
  readonly id: string;
  /** The body up to the version id, and from behind lastUpdated on; the database puts both in between. */
  readonly head: string;
  readonly tail: string;
  readonly extendedMeta: string;
  readonly index: IndexRows;
  /** What a reference to the resource has as its target in the index. */
  readonly self: string;
  /** What was cut out of the text because no body may hold it. */
  readonly credentials: Credentials;
}

/** Makes the draft of a resource under `id`. Its value becomes the finished resource: its id is set. */
export function draftResource(tenant: TenantDatabase, caller: Caller, id: string, taken: TakenResource): Draft {
  const { text, credentials } = taken;
  text.value.id = id;
  return {
    type: text.resourceType,
    id,
    head: bodyHead(text.resourceType, id),
    tail: bodyTail(text),
    extendedMeta: extendedMetaMembers(tenant.projectId, caller.author),
    index: indexResource(tenant.version, tenant.hasher, text.value, tenant.ownBaseUrls),
    self: selfHash(tenant.hasher, text.resourceType, id),
    credentials,
  };
}

/** The body that the database writes for this draft under the given version. */
export const bodyOf = (draft: Draft, versionId: string, lastUpdated: string): string =>
  `${draft.head}${versionId}","lastUpdated":"${lastUpdated}"${draft.tail}`;

function extendedMetaMembers(projectId: string, author: Caller['author']): string {
  const members = { ...(author ? { author } : {}), project: projectId };
  return JSON.stringify(members).slice(1, -1);
}
