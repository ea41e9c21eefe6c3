/**
 * Bodies of requests are taken as they are: one that is compressed for its transport is refused before anybody reads it as
 * text, or keeps it as a content (https://www.rfc-editor.org/rfc/rfc9110#section-12.5.3).
 */
import type { FastifyInstance } from 'fastify';
import { HttpStatusError } from './http-status-error.js';

/** Adds the hook to every route. */
export function refuseEncodedBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const coding = request.headers['content-encoding'] ?? 'identity';
    if (coding.trim().toLowerCase() === 'identity') done();
    else done(new HttpStatusError(415, { 'accept-encoding': 'identity' }));
  });
}
