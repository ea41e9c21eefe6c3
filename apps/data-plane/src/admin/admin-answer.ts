import type { FastifyReply, FastifyRequest } from 'fastify';
import { shownBody, type StoredVersion } from '#fhir-store';
import { sendUncached } from '../auth/uncached-answer.js';
import { wantsExtendedMeta } from '../fhir/request-headers.js';

/** Answers with a resource as its administrator may see it. It may hold rights and settings, so nobody keeps a copy. */
export function sendResource(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 200 | 201,
  version: StoredVersion,
): void | Promise<void> {
  return sendUncached(request, reply, status, textOf(request, version));
}

/** The same with the one secret that is shown now and never again. */
export function sendWithSecret(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 200 | 201,
  version: StoredVersion,
  secret: string | undefined,
): void | Promise<void> {
  const text = textOf(request, version);
  // Put in as text, so that the numbers of the resource stay as they are written.
  const shown = secret === undefined ? text : `${text.slice(0, -1)},"secret":${JSON.stringify(secret)}}`;
  return sendUncached(request, reply, status, shown);
}

const textOf = (request: FastifyRequest, version: StoredVersion): string =>
  shownBody(version, { extended: wantsExtendedMeta(request.headers) });
