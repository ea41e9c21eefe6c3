import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Histogram } from 'prom-client';
import { httpDuration } from '../metrics.js';

/** Labels are looked up once per combination; there are as many as routes times methods times status classes. */
const children = new Map<string, Histogram.Internal<'method' | 'route' | 'status'>>();

/** A Fastify onResponse hook: counts the request under its route's pattern, never under its URL. */
export function observeRequest(request: FastifyRequest, reply: FastifyReply, done: () => void): void {
  const route = request.routeOptions.url ?? 'none';
  // A method without a route can be any token that the parser knows, so it is not worth a label.
  const method = route === 'none' ? 'any' : request.method;
  const status = `${Math.floor(reply.statusCode / 100)}xx`;
  const key = `${method} ${status} ${route}`;
  let child = children.get(key);
  if (child === undefined) {
    child = httpDuration.labels(method, route, status);
    children.set(key, child);
  }
  child.observe(reply.elapsedTime / 1000);
  done();
}
