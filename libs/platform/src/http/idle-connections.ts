import type { FastifyInstance } from 'fastify';

const everyMs = 100;

/**
 * While the server closes, takes away connections that have become idle since: Node closes only those that are idle at
 * that moment, and waits for the others until their clients let go, a minute or more after their last answer.
 */
export function closeIdleConnectionsOnStop(fastify: FastifyInstance): void {
  let timer: NodeJS.Timeout | undefined;
  fastify.addHook('preClose', (done) => {
    timer = setInterval(() => fastify.server.closeIdleConnections(), everyMs);
    done();
  });
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
}
