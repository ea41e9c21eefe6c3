import type { FastifyInstance } from 'fastify';

/** Refuses bodies that do not claim to be JSON. Nest also reads forms, which no route of this API takes. */
export function acceptOnlyJsonBodies(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, _reply, done) => {
    const { headers } = request;
    const hasBody = headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0;
    if (!hasBody || isJson(headers['content-type'])) done();
    else done(new UnsupportedMediaType());
  });
}

/** Becomes the same answer as Fastify's own error for a type without a parser. */
class UnsupportedMediaType extends Error {
  readonly statusCode = 415;
}

function isJson(contentType: string | undefined): boolean {
  return contentType !== undefined && /^application\/json\s*(;|$)/i.test(contentType);
}
