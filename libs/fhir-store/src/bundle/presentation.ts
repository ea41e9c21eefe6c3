import { spliceExtendedMeta } from '#fhir';
import type { StoredVersion } from '../stored-version.js';

/** How the bodies in an answer are shown, and where they are. */
export interface Presentation {
  /** The FHIR base URL by which the request came, with a slash at its end. */
  readonly baseUrl: string;
  /** Show `meta.author`, `project` and so on (header `X-Medplum: extended`). */
  readonly extended: boolean;
}

/** The text of a version as the caller wants to see it. */
export const shownBody = (version: StoredVersion, { extended }: Pick<Presentation, 'extended'>): string =>
  extended ? spliceExtendedMeta(version.body, version.type, version.id, version.extendedMeta) : version.body;

/** The weak entity tag of a version (https://hl7.org/fhir/R4/http.html#versioning). */
export const eTag = (version: StoredVersion): string => `W/"${version.versionId}"`;

/** The text of a Bundle; `members` are the texts of its members between type and entry, each with a comma before it. */
export const bundleText = (type: string, members: string, entries: readonly string[]): string =>
  `{"resourceType":"Bundle","type":"${type}"${members}${entries.length === 0 ? '' : `,"entry":[${entries.join(',')}]`}}`;
