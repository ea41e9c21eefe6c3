import type { Socket } from 'node:net';
import type { FastifyInstance } from 'fastify';

const everyMs = 100;

/**
 * While the server closes, takes away connections that nobody is using. Node closes only those that are idle at that
 * moment, and waits for the others until their clients let go, a minute or more after their last answer. One on which
 * nothing was ever sent it takes for a busy one; browsers open such in advance.
 */
export function closeIdleConnectionsOnStop(fastify: FastifyInstance): void {
  const { server } = fastify;
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  let timer: NodeJS.Timeout | undefined;
  const closeIdle = (): void => {
    server.closeIdleConnections();
    for (const socket of open) if (socket.bytesRead === 0) socket.destroy();
  };
  fastify.addHook('preClose', (done) => {
    timer = setInterval(closeIdle, everyMs);
    done();
  });
  fastify.addHook('onClose', (_instance, done) => {
    clearInterval(timer);
    done();
  });
}
