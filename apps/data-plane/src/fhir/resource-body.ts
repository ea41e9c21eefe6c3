import type { FastifyRequest } from 'fastify';
import { badRequest, readResource, type ResourceText } from '#fhir';
import { HttpStatusError } from '../http/http-status-error.js';
import { withStoredAddresses } from '../storage/received-links.js';

const JSON_TYPES = /^application\/(?:fhir\+json|json)\s*(?:;|$)/i;

/** The text of a JSON body. Throws 415 for another content type, and 400 when there is none. */
export function jsonText(request: FastifyRequest): string {
  const { body } = request;
  if (!JSON_TYPES.test(request.headers['content-type'] ?? '')) throw new HttpStatusError(415);
  if (typeof body !== 'string' || body === '') throw badRequest('The request has no body.', { code: 'structure' });
  return body;
}

/** The resource in a body, with the addresses of its attachments as they are stored. Throws 400 when it is not of the type that the URL says. */
export function resourceBody(request: FastifyRequest, type: string): ResourceText {
  const text = readResource(withStoredAddresses(request, jsonText(request)));
  if (text.resourceType !== type) {
    throw badRequest(`The URL asks for ${type}, but the body is a ${text.resourceType}.`, {
      expression: ['resourceType'],
    });
  }
  return text;
}
