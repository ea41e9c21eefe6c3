/**
 * Bodies of the OAuth endpoints (RFC 6749): form encoded, each parameter at most once, an empty value the same as none.
 */
import type { FastifyRequest } from 'fastify';

/** The parameters of a form, or undefined when the body is no form or repeats a parameter. */
export function formBody(request: FastifyRequest): ReadonlyMap<string, string> | undefined {
  const type = request.headers['content-type'] ?? '';
  if (!/^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(type) || typeof request.body !== 'string')
    return undefined;
  const parameters = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(request.body)) {
    if (parameters.has(name)) return undefined;
    if (value !== '') parameters.set(name, value);
  }
  return parameters;
}
