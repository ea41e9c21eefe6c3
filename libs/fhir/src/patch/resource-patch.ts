import type { JsonObject, JsonValue } from '../json/json-value.js';
import { isJsonObject } from '../json/json-value.js';
import { unprocessable } from '../outcomes/outcome-error.js';
import type { FhirVersion } from '../versions/fhir-version.js';
import { applyJsonPatch, readJsonPatch } from './json-patch.js';
import { withoutEmpties } from './json-tree.js';
import { readLossless, writeLossless } from './lossless-json.js';

/**
 * A change of a resource: from the text of a stored body to the text that a client would have sent instead, with the
 * numbers of all parts that it does not touch as they were. It may be used several times, when writers meet. It throws
 * OutcomeErrors; whether its result is a valid resource is for whoever stores it to check.
 */
export type ResourcePatch = (body: string) => string;

/**
 * The patch that a JSON Patch document says (RFC 6902). Throws OutcomeError `invalid` when `text` is none. What a `test`
 * that fails means depends on the FHIR version.
 */
export function jsonPatch(
  text: string,
  { failedPatchTest }: Pick<FhirVersion, 'failedPatchTest'> = { failedPatchTest: 'precondition-failed' },
): ResourcePatch {
  const patch = readJsonPatch(text);
  return (body) => finished(applyJsonPatch(readLossless(body), patch, failedPatchTest));
}

/**
 * A patch of `meta` alone. `change` gets the members of meta, in which numbers are strings of a special form, and
 * returns the members that shall be there; what the server sets (versionId and so on) is ignored in both directions.
 */
export function metaPatch(change: (meta: JsonObject) => JsonObject): ResourcePatch {
  return (body) => {
    const resource = readLossless(body) as JsonObject;
    return finished({ ...resource, meta: change(isJsonObject(resource.meta) ? resource.meta : {}) });
  };
}

/** The text of a patched resource. What a patch has emptied is left out, because FHIR's JSON has nothing empty. */
export function finished(resource: JsonValue): string {
  const kept = withoutEmpties(resource);
  if (!isJsonObject(kept)) throw unprocessable('The patch leaves no resource');
  return writeLossless(kept);
}
