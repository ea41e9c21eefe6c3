/** Answers that are one version of one resource, with the headers that go with it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import { eTag, inParts, shownBody, type StoredVersion } from '#fhir-store';
import { httpDate } from '../http/http-date.js';
import { sendText } from '../http/send.js';
import type { SignedAttachments } from '../storage/signed-attachments.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { partsAsked } from './parts-asked.js';
import { isNotModified, returnPreference, wantsExtendedMeta } from './request-headers.js';

/** A browser or proxy asks again before it shows a copy: rights may have changed since. */
export const CACHE_CONTROL = 'private, no-cache';

/** Answers a read with `text`: 304 without a body when the client has this version already. */
export function sendVersion(
  request: FastifyRequest,
  reply: FastifyReply,
  version: StoredVersion,
  text: string,
): void | Promise<void> {
  stampVersion(reply, version);
  if (isNotModified(request.headers, version)) {
    void reply.status(304).send();
    return;
  }
  return sendText(request, reply, 200, text);
}

/**
 * Answers a read with the parts of the version that it asks for, and with attachments as the caller can load them. Parts
 * have the entity tag of the version: a client asks again at the same address, which says what is shown.
 */
export async function sendRead(
  request: FastifyRequest,
  reply: FastifyReply,
  version: StoredVersion,
  attachments: SignedAttachments,
): Promise<void> {
  const shown = partsAsked(request, version.type);
  const asked = shown.kind === 'all' ? version : inParts(sessionOf(request).runtime.database.version, version, shown);
  const text = bodyOf(request, asked);
  if (!attachments.areIn(request, text)) return sendVersion(request, reply, version, text);
  // Never 304: the addresses in the client's copy expire, while the version stays.
  stampVersion(reply, version);
  return sendText(request, reply, 200, await attachments.signed(request, text));
}

/** What a write resulted in; `isShown` is false when the caller may not see what the resource is now. */
export interface WrittenVersion {
  readonly version: StoredVersion;
  readonly isShown?: boolean;
}

/** Where a written resource is, and how it is answered. */
interface WrittenPlace {
  readonly fhirBase: string;
  readonly attachments: SignedAttachments;
  /** The client has named criteria and not the resource: it learns its address, as of a new one. */
  readonly isFound?: boolean;
}

/**
 * Answers a write; `Prefer: return=` decides what comes back, and the resource only if the caller may see it. A new
 * resource, and one that criteria have found, is named by Location (https://hl7.org/fhir/R5/http.html#cond-update, #ccreate).
 */
export async function sendWritten(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 200 | 201,
  { version, isShown = true }: WrittenVersion,
  { fhirBase, attachments, isFound = false }: WrittenPlace,
): Promise<void> {
  stampVersion(reply, version);
  const location = `${fhirBase}${version.type}/${version.id}/_history/${version.versionId}`;
  if (status === 201 || isFound) void reply.header('location', location);
  if (status === 200) void reply.header('content-location', location);
  const preference = returnPreference(request.headers);
  if (preference === 'minimal' || (preference === 'representation' && !isShown)) {
    void reply.status(status).send();
    return;
  }
  if (preference === 'representation') {
    return sendText(request, reply, status, await attachments.signed(request, bodyOf(request, version)));
  }
  return sendText(request, reply, status, status === 201 ? CREATED : ALL_OK);
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
