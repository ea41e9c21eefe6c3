/**
 * Operations as entries of a batch. Each is sent through the server's own front door, with the headers of the batch, so
 * that routing, rights, audit and answers are those of the operation called by itself.
 */
import type { FastifyRequest } from 'fastify';
import { notFound, notSupported } from '#fhir';
import type { OperationAnswer, OperationCall } from '#fhir-store';
import { tenantOf } from '../tenant/request-tenant.js';

/** They are about the batch's own body, or about its connection. */
const OWN_HEADERS = new Set(['content-length', 'content-type', 'content-encoding', 'transfer-encoding', 'connection']);
/** The answer is read here, so it must come as it is. */
const ENCODING_HEADER = 'accept-encoding';

const FHIR_JSON = 'application/fhir+json';

/**
 * Calls an operation as the caller of `request` and returns what it answers. Throws OutcomeErrors: `not-found` for a call
 * that is not the address of an operation, `not-supported` for one that gives no resource.
 */
export async function callOperation(request: FastifyRequest, call: OperationCall): Promise<OperationAnswer> {
  // Refused before it is called: it may hold a mutation, and never answers with a resource.
  if (call.name === '$graphql') throw givesNoResource(call);
  const answer = await request.server.inject({
    method: call.method,
    url: addressOf(request, call),
    // What a proxy says of the client is believed only of the peer that the batch came from.
    remoteAddress: request.raw.socket.remoteAddress ?? '',
    headers: {
      ...headersFor(request),
      ...(call.resource === undefined ? {} : { 'content-type': FHIR_JSON }),
    },
    ...(call.resource === undefined ? {} : { payload: call.resource }),
  });
  if (!String(answer.headers['content-type']).startsWith(FHIR_JSON)) {
    throw givesNoResource(call);
  }
  return { status: answer.statusCode, body: answer.payload };
}

const givesNoResource = ({ name }: OperationCall): Error =>
  notSupported(`${name} gives no resource; send it by itself`);

/**
 * Below the address that the batch came to, so that the call is routed to the same project. A path that a URL would mean
 * otherwise than it is written (`..` is a valid id) leads elsewhere.
 */
function addressOf(request: FastifyRequest, { type, id, name, query }: OperationCall): string {
  const { prefix, fhirVersion } = tenantOf(request).target;
  const path = [prefix + '/fhir', fhirVersion, type, id, name].filter((part) => part !== undefined).join('/');
  const { pathname, search } = new URL(`http://localhost${path}${query === '' ? '' : `?${query}`}`);
  if (pathname !== path) throw notFound();
  return pathname + search;
}

function headersFor(request: FastifyRequest): Record<string, string | string[]> {
  const kept: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(request.headers)) {
    if (value !== undefined && !OWN_HEADERS.has(name) && name !== ENCODING_HEADER) kept[name] = value;
  }
  return kept;
}
