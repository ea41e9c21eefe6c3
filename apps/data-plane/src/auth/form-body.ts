/**
 * Parameters of the OAuth endpoints (RFC 6749), in a query or in a form: each at most once, an empty value the same as none.
 */
import type { FastifyRequest } from 'fastify';

/** The form that a body is; undefined for any other body. */
export function formOf({ headers, body }: Pick<FastifyRequest, 'headers' | 'body'>): URLSearchParams | undefined {
  const isForm = /^application\/x-www-form-urlencoded\s*(?:;|$)/i.test(headers['content-type'] ?? '');
  return isForm && typeof body === 'string' ? new URLSearchParams(body) : undefined;
}

/** Parameters of a request, or `repeated` when one of them comes twice. */
export function parametersOf(search: URLSearchParams): ReadonlyMap<string, string> | 'repeated' {
  const parameters = new Map<string, string>();
  for (const [name, value] of search) {
    if (parameters.has(name)) return 'repeated';
    if (value !== '') parameters.set(name, value);
  }
  return parameters;
}

/** The parameters of a form, or undefined when the body is no form or repeats a parameter. */
export function formBody(request: FastifyRequest): ReadonlyMap<string, string> | undefined {
  const form = formOf(request);
  const parameters = form && parametersOf(form);
  return parameters === 'repeated' ? undefined : parameters;
}
