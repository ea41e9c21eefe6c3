import type { FastifyRequest } from 'fastify';
import { ResourceRepository, StaleRights, type TenantDatabase } from '#fhir-store';
import type { Session } from '../auth/session.js';
import { sessionOf } from '../tenant/request-tenant.js';
import { wantsExtendedMeta } from './request-headers.js';

/** What somebody's work is about: the request that asked for it, and where it is done. */
interface Errand {
  readonly requestId: string;
  /** Whether the request is in extended mode. */
  readonly extended: boolean;
  readonly database: TenantDatabase;
}

/**
 * Does `work` with the project's resources as the caller of the request may see them. When the caller's rights turn out
 * to have changed, they are read again and the work is done once more (nothing had been read or written); a second
 * change in between is passed on as StaleRights. Throws 401 when there are no rights any more.
 */
export function runAsCaller<T>(
  request: FastifyRequest,
  work: (repository: ResourceRepository) => Promise<T>,
): Promise<T> {
  const session = sessionOf(request);
  const extended = wantsExtendedMeta(request.headers);
  return runAsSession(session, { requestId: request.id, extended, database: session.runtime.database }, work);
}

/** The same for a session whose request has been answered. */
export async function runAsSession<T>(
  session: Session,
  { requestId, extended, database }: Errand,
  work: (repository: ResourceRepository) => Promise<T>,
): Promise<T> {
  try {
    return await work(new ResourceRepository(database, session.caller(requestId, extended)));
  } catch (error) {
    if (!(error instanceof StaleRights)) throw error;
    await session.renew();
    return work(new ResourceRepository(database, session.caller(requestId, extended)));
  }
}
