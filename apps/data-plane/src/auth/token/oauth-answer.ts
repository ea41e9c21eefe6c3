import type { FastifyReply, FastifyRequest } from 'fastify';
import { JSON_TYPE, sendText } from '../../http/send.js';

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
