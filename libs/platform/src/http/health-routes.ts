import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from '../logging.js';
import { metrics } from '../metrics.js';
import type { HealthOptions } from './health.module.js';

const readyTimeoutMs = 5_000;

/**
 * Answers `/healthz` (the process lives), `/readyz` (it can work; else 503) and `/metrics`, each for GET and HEAD, and
 * leaves every other request alone. Not ready until `becomesReadyBy` was called.
 */
export class HealthRoutes {
  private options: HealthOptions | undefined;

  constructor(private readonly logger: Logger) {}

  becomesReadyBy(options: HealthOptions): void {
    this.options = options;
  }

  /** A Fastify onRequest hook. */
  readonly hook = (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const answer = this.find(request.raw.method, request.raw.url);
    if (answer === undefined) done();
    else void answer(reply.header('Cache-Control', 'no-store'));
  };

  private find(method: string | undefined, url: string | undefined) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    if (url === '/healthz') return async (reply: FastifyReply) => reply.send({ status: 'ok' });
    if (url === '/readyz') return (reply: FastifyReply) => this.answerReadiness(reply);
    if (url === '/metrics') {
      return async (reply: FastifyReply) => reply.type(metrics.contentType).send(await metrics.metrics());
    }
    return undefined;
  }

  /** Why an app is not ready is for its log: the route is open to everybody. */
  private async answerReadiness(reply: FastifyReply): Promise<void> {
    try {
      await withinTime(this.options?.ready() ?? Promise.reject(new Error('The app is still starting.')));
      await reply.send({ status: 'ok' });
    } catch (error) {
      this.logger.warn({ err: error }, 'not ready');
      await reply.status(503).header('Retry-After', '1').send({ status: 'unavailable' });
    }
  }
}

async function withinTime(check: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`No answer within ${readyTimeoutMs} ms.`)), readyTimeoutMs);
  });
  try {
    await Promise.race([check, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
