/**
 * CORS (https://fetch.spec.whatwg.org/#http-cors-protocol) as browsers need it on every answer, errors included. The
 * origin is echoed, which is safe because the data plane never authenticates by cookie: a page gets nothing that it
 * could not get with the token it must already have. A client may still say whose pages its tokens are for
 * (auth/allowed-origins.ts).
 */
import type { FastifyReply, FastifyRequest } from 'fastify';

/** What programs read of answers. `RateLimit` is not among it: clients throw on forms of it that they do not know. */
const EXPOSED = 'Content-Location, ETag, Last-Modified, Location, Expires, Retry-After, X-Progress';
const METHODS = 'GET,HEAD,PUT,PATCH,POST,DELETE';
/** Chrome's own upper bound. */
const PREFLIGHT_MAX_AGE_SECONDS = '7200';

/** Sets the CORS headers of an answer to a page of another origin. */
export function allowOrigin(request: FastifyRequest, reply: FastifyReply): void {
  const { origin } = request.headers;
  if (origin === undefined) return;
  void reply
    .header('access-control-allow-origin', origin)
    .header('access-control-allow-credentials', 'true')
    .header('access-control-expose-headers', EXPOSED)
    .header('vary', 'Origin');
}

/** Takes them back from an answer that is not for that page. */
export function denyOrigin(reply: FastifyReply): void {
  for (const name of ['origin', 'credentials']) void reply.removeHeader(`access-control-allow-${name}`);
  void reply.removeHeader('access-control-expose-headers');
}

/** Whether a request only asks what a page may send. */
export function isPreflight(request: FastifyRequest): boolean {
  return request.method === 'OPTIONS' && request.headers['access-control-request-method'] !== undefined;
}

/** Answers a preflight request: any of our methods, with the headers that were asked for. */
export function answerPreflight(request: FastifyRequest, reply: FastifyReply): void {
  const asked = request.headers['access-control-request-headers'];
  void reply
    .header('access-control-allow-methods', METHODS)
    .header('access-control-max-age', PREFLIGHT_MAX_AGE_SECONDS);
  if (typeof asked === 'string') void reply.header('access-control-allow-headers', asked);
  void reply.header('vary', 'Origin, Access-Control-Request-Headers').status(204).send();
}
