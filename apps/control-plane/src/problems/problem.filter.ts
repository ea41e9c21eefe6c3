import { Catch, Inject, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '#platform';
import { LOGGER } from '../environment/environment.module.js';
import { type ProblemAnswer, toProblem } from './problem.js';

/** The one place where an error becomes an answer: every error of every route is a problem+json body. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(@Inject(LOGGER) private readonly logger: Logger) {}

  catch(error: unknown, host: ArgumentsHost): void {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const { problem, headers, isFault } = toProblem(error, request.id);
    if (isFault) {
      const route = `${request.method} ${request.routeOptions?.url ?? 'unknown route'}`;
      this.logger.error({ err: error, requestId: request.id, route }, 'request failed');
    }
    sendProblem({ problem, headers }, reply);
  }
}

/** Answers what the framework refuses before any route is chosen, and so before the filter: a path that is no path. */
export function answerUnroutable(error: unknown, request: FastifyRequest, reply: FastifyReply): void {
  sendProblem(toProblem(error, request.id), reply);
}

function sendProblem({ problem, headers }: Pick<ProblemAnswer, 'problem' | 'headers'>, reply: FastifyReply): void {
  // A stream that has begun cannot become an error any more.
  if (reply.sent || reply.raw.headersSent) return;
  void reply.status(problem.status).headers(headers).type('application/problem+json').send(problem);
}
