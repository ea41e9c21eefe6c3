import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance, FastifyReply, FastifyRequest, RawRequestDefaultExpression } from 'fastify';
import type { Config } from '../config/config.js';
import { nestLogger, type Logger } from '../logging.js';
import { answerClientError } from './client-error.js';
import { HealthRoutes } from './health-routes.js';
import { closeIdleConnectionsOnStop } from './idle-connections.js';
import { healthOptions, type HealthOptions } from './health.module.js';
import { requestId } from './request-id.js';
import { observeRequests } from './request-metrics.js';

export interface HttpAppOptions {
  config: Pick<Config, 'trustProxy'>;
  logger: Logger;
  /** The app's name in messages. */
  app: string;
  /** Largest request body, by default 1 MiB; beyond it Fastify answers 413. */
  bodyLimitBytes?: number;
  /** Gives the request target by which the router finds the route, before any hook runs. */
  rewriteUrl?: (request: RawRequestDefaultExpression) => string;
  /** Answers a request whose path is not valid percent-encoding; without it Fastify does, in its own form. */
  answerUnroutable?: (error: unknown, request: FastifyRequest, reply: FastifyReply) => void;
  /** Adds hooks, parsers and plugins before Nest registers its routes. */
  configureFastify?(fastify: FastifyInstance): void | Promise<void>;
}

const maxHeaderBytes = 16 * 1024;
const maxParameterLength = 1024;

/**
 * A Nest app over Fastify with what every app of ours has: health routes before everything else, a request id that
 * comes back as `X-Request-Id`, headers of at most 16 KiB (then 431), time limits against clients that send slowly,
 * and request metrics. `module` must import HealthModule. The app is not listening yet; see `listenOn`.
 */
export async function createHttpApp(
  module: Parameters<typeof NestFactory.create>[0],
  options: HttpAppOptions,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    logger: false,
    bodyLimit: options.bodyLimitBytes ?? 1024 * 1024,
    trustProxy: trustedProxies(options.config.trustProxy),
    genReqId: requestId,
    requestIdHeader: false,
    routerOptions: { maxParamLength: maxParameterLength },
    rewriteUrl: options.rewriteUrl,
    frameworkErrors: options.answerUnroutable,
    keepAliveTimeout: 72_000,
    requestTimeout: 60_000,
    http: { maxHeaderSize: maxHeaderBytes, headersTimeout: 20_000 },
    clientErrorHandler: answerClientError,
  });
  const fastify: FastifyInstance = adapter.getInstance();
  const health = new HealthRoutes(options.logger);
  fastify.addHook('onRequest', (request, reply, done) => {
    void reply.header('X-Request-Id', request.id);
    done();
  });
  fastify.addHook('onRequest', health.hook);
  observeRequests(fastify);
  closeIdleConnectionsOnStop(fastify);

  const app = await NestFactory.create<NestFastifyApplication>(module, adapter, {
    logger: nestLogger(options.logger.child({ part: 'nest' })),
    abortOnError: false,
  });
  await options.configureFastify?.(fastify);
  health.becomesReadyBy(app.get<HealthOptions>(healthOptions, { strict: false }));
  return app;
}

/** Fastify trusts nobody when given a number, so a number of proxies is said as a function of the hop (0 is the peer). */
function trustedProxies(trustProxy: Config['trustProxy']) {
  return typeof trustProxy === 'number' ? (_address: string, hop: number) => hop < trustProxy : trustProxy;
}
