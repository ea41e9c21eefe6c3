import type { FastifyInstance } from 'fastify';

/** Answers hold tokens, secrets and customers' names: no cache keeps them and no browser takes them for something else. */
export function protectAnswers(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.header('Cache-Control', 'no-store').header('X-Content-Type-Options', 'nosniff');
    done();
  });
}
