/**
 * Refuses a FHIR request whose answer its client could not read, or whose body is of another FHIR version, before
 * anything is done for it. What a Binary holds is of any type, so reading one is negotiated where it is answered.
 */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { LRUCache } from 'lru-cache';
import { fhirVersion } from '#fhir';
import { HttpStatusError } from '../http/http-status-error.js';
import { parseMediaTypes } from '../http/media-types.js';
import { findTenant, type RequestTenant } from '../tenant/request-tenant.js';
import { acceptsJson, formatOf, isOfVersion, type RepresentationWish } from './representation.js';

const FHIR_PATH = /^\/fhir(?:[/?]|$)/;
const BINARY_READ = /^\/fhir\/Binary\/[^/?]+(?:\/_history\/[^/?]+)?(?:\?|$)/;
const EXPORTED = /^\/fhir\/(?:bulkdata\/export\/|(?:[^?]*\/)?\$export(?:\?|$))/;
/** What exported files are (https://hl7.org/fhir/uv/bulkdata/export.html#file-request). */
const EXPORTED_TYPES = ['application/fhir+ndjson', 'application/ndjson'];
const GRAPHQL = /\/\$graphql(?:\?|$)/;
/** What GraphQL's own clients ask for (https://graphql.github.io/graphql-over-http/draft/#sec-Accept). */
const GRAPHQL_TYPES = ['application/graphql-response+json'];

/** Answers are the same for the same headers, of which clients have few. */
const MAX_KNOWN_WISHES = 200;

/** Adds the hook to every route; it runs when the tenant is known. */
export function negotiateRepresentation(fastify: FastifyInstance): void {
  const known = new LRUCache<string, boolean>({ max: MAX_KNOWN_WISHES });
  fastify.addHook('onRequest', (request, _reply, done) => done(refusalOf(request, known)));
}

function refusalOf(request: FastifyRequest, known: LRUCache<string, boolean>): HttpStatusError | undefined {
  const { url, method } = request;
  const tenant = findTenant(request);
  if (tenant === undefined || !FHIR_PATH.test(url)) return undefined;
  const contentType = request.headers['content-type'];
  if (contentType?.includes('fhirVersion')) {
    const [type] = parseMediaTypes(contentType);
    if (type !== undefined && !isOfVersion(type, versionIdOf(tenant))) return new HttpStatusError(415);
  }
  const wish = wishOf(request);
  if (wish.format === undefined && (wish.accept === undefined || wish.accept === '*/*')) return undefined;
  const isRead = method === 'GET' || method === 'HEAD';
  if (isRead && BINARY_READ.test(url)) return undefined;
  const versionId = versionIdOf(tenant);
  const also = GRAPHQL.test(url) ? GRAPHQL_TYPES : EXPORTED.test(url) ? EXPORTED_TYPES : [];
  const key = JSON.stringify([versionId, wish.accept, wish.format, also]);
  let accepted = known.get(key);
  if (accepted === undefined) {
    accepted = acceptsJson(wish, versionId, also);
    known.set(key, accepted);
  }
  return accepted ? undefined : new HttpStatusError(406);
}

const versionIdOf = ({ entry }: RequestTenant): string => fhirVersion(entry.fhirVersion).id;

/** What the request says about the representation of its answer. */
export function wishOf(request: FastifyRequest): RepresentationWish {
  return { accept: request.headers.accept, format: formatOf(request.url) };
}
