import { type ArgumentsHost, Catch, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit } from '#fhir-store';
import { DataPlaneLogger } from '../data-plane-logger.js';
import { recordDenial } from '../fhir/read-audit.js';
import { answerOf } from './error-answer.js';
import { discardBody } from './discard-body.js';
import { sendText } from './send.js';

/** Answers every error of every route, and of routes that do not exist, with an OperationOutcome. */
@Catch()
export class OutcomeFilter implements ExceptionFilter {
  constructor(
    private readonly logger: DataPlaneLogger,
    private readonly audit: ReadAudit,
  ) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const http = host.switchToHttp();
    const request = http.getRequest<FastifyRequest>();
    const reply = http.getResponse<FastifyReply>();
    const answer = answerOf(error);
    if (answer.unexpected) {
      this.logger.logger.error({ err: error, requestId: request.id, method: request.method }, 'a request failed');
    }
    recordDenial(this.audit, request, error);
    if (reply.sent) return;
    if (answer.status === 413 || answer.status === 415) await discardBody(request.raw);
    void reply.headers(answer.headers);
    await sendText(request, reply, answer.status, answer.body);
  }
}
