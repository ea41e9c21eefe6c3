import { spliceExtendedMeta } from '#fhir';
import { unguardedBody } from '../rights/security-context.js';
import type { StoredVersion } from '../stored-version.js';

/** How the bodies in an answer are shown, and where they are. */
export interface Presentation {
  /** The FHIR base URL by which the request came, with a slash at its end. */
  readonly baseUrl: string;
  /** Show `meta.author`, `project` and so on (header `X-Medplum: extended`). */
  readonly extended: boolean;
}

/** The text of a version as the caller wants to see it, without content that a security context guards. */
export function shownBody(version: StoredVersion, presentation: Pick<Presentation, 'extended'>): string {
  const body = unguardedBody(version);
  return wholeBody(body === version.body ? version : { ...version, body }, presentation);
}

/** The same with guarded content, for whoever may read its security context. */
export const wholeBody = (version: StoredVersion, { extended }: Pick<Presentation, 'extended'>): string =>
  extended ? spliceExtendedMeta(version.body, version.type, version.id, version.extendedMeta) : version.body;

/** The weak entity tag of a version (https://hl7.org/fhir/R4/http.html#versioning). */
export const eTag = (version: StoredVersion): string => `W/"${version.versionId}"`;

/** The text of a Bundle; `members` are the texts of its members between type and entry, each with a comma before it. */
export const bundleText = (type: string, members: string, entries: readonly string[]): string =>
  `{"resourceType":"Bundle","type":"${type}"${members}${entries.length === 0 ? '' : `,"entry":[${entries.join(',')}]`}}`;

/** The text of a link of a Bundle. */
export function link(relation: string, address: string, query: readonly (readonly [string, string])[]): string {
  const text = new URLSearchParams(query as [string, string][]).toString();
  return JSON.stringify({ relation, url: text === '' ? address : `${address}?${text}` });
}
