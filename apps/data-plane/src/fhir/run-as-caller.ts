import type { FastifyRequest } from 'fastify';
import { ResourceRepository, StaleRights } from '#fhir-store';
import { sessionOf } from '../tenant/request-tenant.js';
import { wantsExtendedMeta } from './request-headers.js';

/**
 * Does `work` with the project's resources as the caller of the request may see them. When the caller's rights turn out
 * to have changed, they are read again and the work is done once more (nothing had been read or written); a second
 * change in between is passed on as StaleRights. Throws 401 when there are no rights any more.
 */
export async function runAsCaller<T>(
  request: FastifyRequest,
  work: (repository: ResourceRepository) => Promise<T>,
): Promise<T> {
  const session = sessionOf(request);
  const { database } = session.runtime;
  const extended = wantsExtendedMeta(request.headers);
  try {
    return await work(new ResourceRepository(database, session.caller(request.id, extended)));
  } catch (error) {
    if (!(error instanceof StaleRights)) throw error;
    await session.renew();
    return work(new ResourceRepository(database, session.caller(request.id, extended)));
  }
}
