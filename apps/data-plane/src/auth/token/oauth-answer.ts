import type { FastifyReply, FastifyRequest } from 'fastify';
import { JSON_TYPE, sendText } from '../../http/send.js';
import type { TokenError } from './token-error.js';

/** Sends an answer of an OAuth endpoint; none of them may be kept by anybody (RFC 6749 section 5.1). */
export function sendOAuth(
  request: FastifyRequest,
  reply: FastifyReply,
  status: number,
  answer: object,
): void | Promise<void> {
  void reply.header('cache-control', 'no-store').header('pragma', 'no-cache');
  return sendText(request, reply, status, JSON.stringify(answer), JSON_TYPE);
}

/** Sends an error of an OAuth endpoint; `isChallenged`: it is about the credentials, and HTTP Basic is a way to give others. */
export function sendTokenError(
  request: FastifyRequest,
  reply: FastifyReply,
  { code, description }: TokenError,
  isChallenged: boolean,
): void | Promise<void> {
  if (isChallenged) void reply.header('www-authenticate', 'Basic realm="fhir"');
  return sendOAuth(request, reply, isChallenged ? 401 : 400, { error: code, error_description: description });
}
