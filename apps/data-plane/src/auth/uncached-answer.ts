/** Answers of which nobody may keep a copy: they hold codes, secrets or rights, or say what has just been done. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import { JSON_TYPE, sendText } from '../http/send.js';

/** Answers with JSON, as FHIR unless `type` says otherwise. */
export function sendUncached(
  request: FastifyRequest,
  reply: FastifyReply,
  status: 200 | 201,
  json: string,
  type?: string,
): void | Promise<void> {
  void reply.header('cache-control', 'no-store');
  return sendText(request, reply, status, json, type);
}

/** Answers with an object of our own. */
export const sendAnswer = (request: FastifyRequest, reply: FastifyReply, answer: object): void | Promise<void> =>
  sendUncached(request, reply, 200, JSON.stringify(answer), JSON_TYPE);

/** Answers that it has been done. */
export function sendDone(request: FastifyRequest, reply: FastifyReply, text: string): void | Promise<void> {
  const issue = { severity: 'information', code: 'informational', text } as const;
  return sendUncached(request, reply, 200, JSON.stringify(operationOutcome('ok', [issue])));
}
