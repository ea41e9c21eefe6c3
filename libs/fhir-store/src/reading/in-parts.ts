import type { FhirVersion } from '#fhir';
import { showParts, type ShownParts } from '#fhir-search';
import { unguardedBody } from '../rights/security-context.js';
import type { StoredVersion } from '../stored-version.js';

/**
 * The version, which is as the caller may see it, with the parts that `shown` asks for
 * (https://hl7.org/fhir/R4/search.html#summary, #elements). Content that a security context guards is left out first: without the
 * reference to the context nobody could tell that it is guarded. It keeps its number and its entity tag: the tag
 * SUBSETTED in it tells that it is not whole.
 */
export function inParts<Version extends StoredVersion>(
  version: FhirVersion,
  stored: Version,
  shown: ShownParts,
): Version {
  if (shown.kind === 'all') return stored;
  return { ...stored, body: showParts(version, stored.type, unguardedBody(stored), shown) };
}
