import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Histogram } from 'prom-client';
import { httpDuration } from '../metrics.js';

type Observation = Histogram.Internal<'method' | 'route' | 'status'>;

/**
 * Measures every request under its route's pattern, never under its URL. Each route has a hook of its own, so that no
 * request has to look up which one it took. Call it before any route is added.
 */
export function observeRequests(fastify: FastifyInstance): void {
  fastify.addHook('onRoute', (route) => {
    const others = route.onResponse === undefined ? [] : [route.onResponse].flat();
    route.onResponse = [...others, observerOf((request) => request.method, route.url)];
  });
  // A method without a route can be any token that the parser knows, so it is not worth a label.
  const observeLost = observerOf(() => 'any', 'none');
  fastify.addHook('onResponse', (request, reply, done) => {
    if (request.is404) observeLost(request, reply, done);
    else done();
  });
}

function observerOf(methodOf: (request: FastifyRequest) => string, route: string) {
  /** Labels are looked up once per method and status class. */
  const children = new Map<string, Observation[]>();
  return (request: FastifyRequest, reply: FastifyReply, done: () => void): void => {
    const method = methodOf(request);
    let ofMethod = children.get(method);
    if (ofMethod === undefined) children.set(method, (ofMethod = []));
    const statusClass = Math.floor(reply.statusCode / 100);
    const child = (ofMethod[statusClass] ??= httpDuration.labels(method, route, `${statusClass}xx`));
    child.observe(reply.elapsedTime / 1000);
    done();
  };
}
