/**
 * Sessions by project and credential, so that a warm request does no cryptography. Bounded, and keyed by the project of
 * the route: a token that is good at one project finds nothing at another.
 */
import { hash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { TenantEntry } from '#tenancy';
import type { Session } from './session.js';

const MAX_SESSIONS = 10_000;
/** The end of a token is the end of its signature: so much of it tells tokens apart, and the whole is compared after. */
const KEY_LENGTH = 32;

interface OpenedSession {
  readonly credential: string;
  readonly session: Session;
}

export class SessionCache {
  private readonly sessions = new LRUCache<string, OpenedSession>({ max: MAX_SESSIONS });

  /**
   * The session that this Authorization header opened. Undefined when there is none, it is over, or the project's entry
   * has changed since (its keys may have been revoked), so that the credential is checked again.
   */
  find(entry: TenantEntry, authorization: string): Session | undefined {
    const credential = credentialOf(authorization);
    const known = this.sessions.get(keyOf(entry, credential));
    if (known === undefined || known.credential !== credential) return undefined;
    const { session } = known;
    return session.runtime.serves(entry) && session.isGoodAt(Date.now()) ? session : undefined;
  }

  remember(entry: TenantEntry, authorization: string, session: Session): void {
    const credential = credentialOf(authorization);
    this.sessions.set(keyOf(entry, credential), { credential, session });
  }

  get size(): number {
    return this.sessions.size;
  }
}

const keyOf = (entry: TenantEntry, credential: string): string => entry.projectId + credential.slice(-KEY_LENGTH);

/** A token is random enough to be kept as it is; a client's own secret is not kept in memory as text. */
const credentialOf = (authorization: string): string =>
  authorization.startsWith('Bearer ') ? authorization : hash('sha256', authorization, 'base64');
