import { badRequest, fhirpathPatch, jsonPatch, readResource, type FhirVersion, type ResourcePatch } from '#fhir';

const jsonPatchType = /^application\/json-patch\+json\s*(?:;|$)/i;

/**
 * The patch in an entry's resource (https://hl7.org/fhir/R4/http.html#transaction): Parameters for a FHIRPath Patch, or a
 * Binary that holds a JSON Patch. Throws OutcomeError `invalid` for anything else.
 */
export function entryPatch(version: FhirVersion, text: string): ResourcePatch {
  const { value, resourceType } = readResource(text);
  if (resourceType === 'Parameters') return fhirpathPatch(version, text);
  const { contentType, data } = value;
  const isJsonPatch = resourceType === 'Binary' && typeof contentType === 'string' && jsonPatchType.test(contentType);
  if (isJsonPatch && typeof data === 'string') {
    return jsonPatch(Buffer.from(data, 'base64').toString('utf8'), version);
  }
  throw badRequest('A PATCH entry needs Parameters, or a Binary of application/json-patch+json', {
    code: 'structure',
    expression: ['resource'],
  });
}
