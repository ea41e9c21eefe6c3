import type { FastifyRequest } from 'fastify';
import { badRequest } from '#fhir';

/**
 * The query string of the request as it was sent, without the question mark; empty when there is none. Throws 400 when
 * it holds the NUL character, which PostgreSQL cannot keep or compare.
 */
export function queryOf(request: FastifyRequest): string {
  const url = request.raw.url ?? '';
  const start = url.indexOf('?');
  const parameters = start === -1 ? '' : url.slice(start + 1);
  if (parameters.includes('%00')) throw badRequest('A parameter holds the NUL character.', { code: 'value' });
  return parameters;
}
