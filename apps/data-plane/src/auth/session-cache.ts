/**
 * Sessions by project and credential, so that a warm request does no cryptography. Bounded, and keyed by the project of
 * the route: a token that is good at one project finds nothing at another.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TenantEntry } from '#tenancy';
import type { Session } from './session.js';

const MAX_SESSIONS = 10_000;

export class SessionCache {
  private readonly sessions = new LRUCache<string, Session>({ max: MAX_SESSIONS });

  /**
   * The session that this Authorization header opened. Undefined when there is none, it is over, or the project's entry
   * has changed since (its keys may have been revoked), so that the credential is checked again.
   */
  find(entry: TenantEntry, authorization: string): Session | undefined {
    const session = this.sessions.get(keyOf(entry, authorization));
    return session !== undefined && session.runtime.entry === entry && session.isGoodAt(Date.now())
      ? session
      : undefined;
  }

  remember(entry: TenantEntry, authorization: string, session: Session): void {
    this.sessions.set(keyOf(entry, authorization), session);
  }

  get size(): number {
    return this.sessions.size;
  }
}

/** A token is random enough to be a key as it is; a client's own secret is not kept in memory as text. */
function keyOf(entry: TenantEntry, authorization: string): string {
  const isBearer = authorization.startsWith('Bearer ');
  return entry.projectId + (isBearer ? authorization : hash('sha256', authorization, 'base64'));
}
