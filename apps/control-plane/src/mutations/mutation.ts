import { createParamDecorator, type ExecutionContext } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { callerOf, type Caller } from '../auth/caller.js';
import { invalidRequest } from '../problems/request-validation.js';

/** A request that changes something: who sent it, and what makes it the same request when it is sent again. */
export interface Mutation {
  caller: Caller;
  requestId: string;
  address: string;
  method: string;
  path: string;
  /** As it was received, before defaults. */
  body: unknown;
  idempotencyKey?: string;
  /** Whether nobody waits for the answer any more. */
  isAbandoned(): boolean;
}

/** Gives a controller's method the request as a Mutation. */
export const CurrentMutation = createParamDecorator((_: unknown, context: ExecutionContext): Mutation => {
  const request = context.switchToHttp().getRequest<FastifyRequest>();
  return {
    caller: callerOf(request),
    requestId: request.id,
    address: request.ip,
    method: request.method,
    path: request.url,
    body: request.body ?? null,
    idempotencyKey: readIdempotencyKey(request.headers['idempotency-key']),
    isAbandoned: () => request.raw.socket.destroyed,
  };
});

function readIdempotencyKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (typeof header === 'string' && /^[\x21-\x7e]{1,128}$/.test(header)) return header;
  throw invalidRequest([{ field: 'Idempotency-Key', message: 'must be 1 to 128 visible ASCII characters' }]);
}
