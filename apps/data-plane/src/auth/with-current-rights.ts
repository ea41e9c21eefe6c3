import type { FastifyRequest } from 'fastify';
import { StaleRights } from '#fhir-store';
import { sessionOf } from '../tenant/request-tenant.js';
import type { Session } from './session.js';

/**
 * Does `work` for the session of the request, and once more when the caller's rights turn out to have changed (nothing had
 * been read or written). Throws 401 when there are no rights any more.
 */
export async function withCurrentRights<T>(
  request: FastifyRequest,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const session = sessionOf(request);
  try {
    return await work(session);
  } catch (error) {
    if (!(error instanceof StaleRights)) throw error;
    await session.renew();
    return work(session);
  }
}
