/** The headers by which a client shapes a FHIR interaction (https://hl7.org/fhir/R4/http.html). */
import type { IncomingHttpHeaders } from 'node:http';
import { isUnchanged, type ReturnPreference, type StoredVersion } from '#fhir-store';
import { preferences } from '#platform';

/** `Prefer: return=…`; by default the written resource comes back. Unknown preferences are ignored (RFC 7240). */
export function returnPreference(headers: IncomingHttpHeaders): ReturnPreference {
  const wanted = preference(headers, 'return');
  return wanted === 'minimal' || wanted === 'OperationOutcome' ? wanted : 'representation';
}

/** `Prefer: handling=…`, by default strict: an unknown search parameter is an error rather than a wider answer. */
export function searchHandling(headers: IncomingHttpHeaders): 'strict' | 'lenient' {
  return preference(headers, 'handling') === 'lenient' ? 'lenient' : 'strict';
}

/** `Prefer: respond-async` (RFC 7240 section 4.1): the client would rather be answered later. */
export const wantsLaterAnswer = (headers: IncomingHttpHeaders): boolean => preference(headers, 'respond-async') === '';

const preference = ({ prefer }: IncomingHttpHeaders, name: string): string | undefined => preferences(prefer).get(name);

/**
 * Whether the client's copy of this version is still good: `If-None-Match` names it, or, without that header, it is not
 * newer than `If-Modified-Since` (RFC 9110 section 13.1).
 */
export function isNotModified(
  headers: IncomingHttpHeaders,
  version: Pick<StoredVersion, 'versionId' | 'lastUpdated'>,
): boolean {
  const ifNoneMatch = headers['if-none-match'];
  const ifModifiedSince = headers['if-modified-since'];
  return isUnchanged(
    {
      ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
      ...(ifModifiedSince === undefined ? {} : { ifModifiedSince }),
    },
    version,
  );
}

/** Whether the client wants `meta.author`, `project`, `account` and `compartment`. */
export function wantsExtendedMeta(headers: IncomingHttpHeaders): boolean {
  return headers['x-medplum'] === 'extended';
}
