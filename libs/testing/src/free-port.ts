import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below the ports that systems hand out themselves (from 32768 on Linux, 49152 elsewhere): a port from there can be
 * given to another process, or to an outgoing connection, between this look and the server's own listening.
 */
const LOWEST_PORT = 12_000;
const PORTS_PER_WORKER = 2_500;
const WORKERS = 8;

/** Jest's worker, counted from 1: test files that run at the same time choose from ports of their own. */
const worker = Number(process.env['JEST_WORKER_ID'] ?? 1) % WORKERS;
let next = Math.floor(Math.random() * PORTS_PER_WORKER);

/**
 * A TCP port of the loopback interface on which nothing listens, and which no other test file that runs now is given.
 *
 * @throws Error when every port of this worker's share is in use
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < PORTS_PER_WORKER; tries++) {
    const port = LOWEST_PORT + worker * PORTS_PER_WORKER + (next++ % PORTS_PER_WORKER);
    if (await isFree(port)) return port;
  }
  throw new Error(`none of ${PORTS_PER_WORKER} ports from ${LOWEST_PORT + worker * PORTS_PER_WORKER} on is free`);
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EADDRINUSE') return false;
    throw error;
  }
  server.close();
  await once(server, 'close');
  return true;
}
