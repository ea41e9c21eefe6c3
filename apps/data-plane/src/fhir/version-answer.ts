/** Answers that are one version of one resource, with the headers that go with it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import { eTag, shownBody, type StoredVersion } from '#fhir-store';
import { httpDate } from '../http/http-date.js';
import { sendText } from '../http/send.js';
import { isNotModified, returnPreference, wantsExtendedMeta } from './request-headers.js';

/** A browser or proxy asks again before it shows a copy: rights may have changed since. */
export const CACHE_CONTROL = 'private, no-cache';

/** Answers a read with `text`: 304 without a body when the client has this version already. */
export function sendVersion(
  request: FastifyRequest,
  reply: FastifyReply,
  version: StoredVersion,
  text: string = bodyOf(request, version),
): void | Promise<void> {
  stampVersion(reply, version);
  if (isNotModified(request.headers, version)) {
    void reply.status(304).send();
    return;
  }
  return sendText(request, reply, 200, text);
}

/** Answers a write; `Prefer: return=` decides what comes back. `fhirBase` is where the resource is found. */
export function sendWritten(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 200 | 201,
  version: StoredVersion,
  fhirBase: string,
): void | Promise<void> {
  stampVersion(reply, version);
  const location = `${fhirBase}${version.type}/${version.id}/_history/${version.versionId}`;
  void reply.header(status === 201 ? 'location' : 'content-location', location);
  const preference = returnPreference(request.headers);
  if (preference === 'minimal') {
    void reply.status(status).send();
    return;
  }
  const text = preference === 'representation' ? bodyOf(request, version) : status === 201 ? CREATED : ALL_OK;
  return sendText(request, reply, status, text);
}

/** Answers a delete; of a single resource with the entity tag of the version that says that it is gone. */
export function sendDeleted(
  request: FastifyRequest,
  reply: FastifyReply,
  versions: readonly StoredVersion[],
): void | Promise<void> {
  const [version, ...others] = versions;
  void reply.header('cache-control', CACHE_CONTROL);
  if (version !== undefined && others.length === 0) stampVersion(reply, version);
  if (returnPreference(request.headers) === 'minimal') {
    void reply.status(204).send();
    return;
  }
  const text = versions.length === 1 ? ALL_OK : success('ok', `${versions.length} resources were deleted`);
  return sendText(request, reply, 200, text);
}

const CREATED = success('created', 'Created');
const ALL_OK = success('ok', 'All OK');

function success(id: string, text: string): string {
  return JSON.stringify(operationOutcome(id, [{ severity: 'information', code: 'informational', text }]));
}

function bodyOf(request: FastifyRequest, version: StoredVersion): string {
  return shownBody(version, { extended: wantsExtendedMeta(request.headers) });
}

/** The headers by which a client recognises the version and asks for it again. */
export function stampVersion(reply: FastifyReply, version: StoredVersion): void {
  void reply
    .header('etag', eTag(version))
    .header('last-modified', httpDate(version.lastUpdated))
    .header('cache-control', CACHE_CONTROL);
}
