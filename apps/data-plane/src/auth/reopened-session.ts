import { unauthorized } from '#fhir';
import type { OnBehalfOf } from '../admin/on-behalf-of.js';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { principalOfOrigin } from './open-principal.js';
import { Session, type SessionOrigin } from './session.js';

/**
 * A session with the rights that this one's have become, for work that goes on when its request has been answered. Throws
 * 401 when there are none any more (the log-in was ended, the membership or its client is gone or switched off), and 403
 * when they are no administrator any more who acted on somebody's behalf.
 */
export async function reopenSession(
  runtime: TenantRuntime,
  origin: SessionOrigin,
  onBehalfOf: Pick<OnBehalfOf, 'open'>,
): Promise<Session> {
  const source = () => principalOfOrigin(runtime, origin);
  const principal = await source();
  if (principal === undefined) throw unauthorized();
  const session = new Session(runtime, origin.loginId, Infinity, principal, source);
  if (origin.onBehalfOf === undefined) return session;
  return onBehalfOf.open(session, `ProjectMembership/${origin.onBehalfOf}`);
}
