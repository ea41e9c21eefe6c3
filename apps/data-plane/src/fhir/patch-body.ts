import type { FastifyRequest } from 'fastify';
import { badRequest, fhirpathPatch, jsonPatch, type ResourcePatch } from '#fhir';
import { withStoredAddresses } from '../storage/received-links.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { jsonText } from './resource-body.js';

const JSON_PATCH_TYPE = /^application\/json-patch\+json\s*(?:;|$)/i;

/**
 * The patch in a body (https://hl7.org/fhir/R4/http.html#patch): a JSON Patch, or Parameters as FHIR's JSON for a
 * FHIRPath Patch. Throws 415 for another content type, and 400 for what is no patch.
 */
export function patchBody(request: FastifyRequest): ResourcePatch {
  const { body } = request;
  const { version } = sessionOf(request).runtime.database;
  if (!JSON_PATCH_TYPE.test(request.headers['content-type'] ?? '')) {
    return fhirpathPatch(version, withStoredAddresses(request, jsonText(request)));
  }
  if (typeof body !== 'string' || body === '') throw badRequest('The request has no body.', { code: 'structure' });
  return jsonPatch(withStoredAddresses(request, body), version);
}
