/**
 * The public keys of clients, fetched from where the client says they are (`ClientApplication.jwksUri`) and kept for a few
 * minutes. An address is a wish of a project's administrator, so a fetch is bounded in time and size, follows no
 * redirection, and never reaches into the network that the platform stands in.
 */
import { LRUCache } from 'lru-cache';
import { type Clock, DomainError } from '#platform';
import { type FetchText } from './fetch-public.js';

/** A public key as RFC 7517 has it. */
export interface PublicJwk {
  readonly kty: string;
  readonly kid?: string;
  readonly alg?: string;
  readonly use?: string;
  readonly [member: string]: unknown;
}

const MAX_KEY_SETS = 1_000;
const KEEP_MS = 5 * 60_000;
/** A key id that is not in the set may be new; somebody who invents key ids must not have us fetch without end. */
const FETCH_AGAIN_AFTER_MS = 30_000;
const MAX_KEYS = 50;

interface KeySet {
  readonly keys: readonly PublicJwk[];
  readonly fetchedAt: number;
}

export class ClientKeys {
  private readonly sets = new LRUCache<string, Promise<KeySet>>({ max: MAX_KEY_SETS, ttl: KEEP_MS });

  constructor(
    private readonly fetchText: FetchText,
    private readonly clock: Clock,
  ) {}

  /**
   * The signing key with that id at `uri`; the only one when the token names none. Undefined when there is no such key.
   * Rejects with DomainError `client-keys-unreachable` when the set cannot be fetched or is none.
   */
  async find(projectId: string, uri: string, kid: string | undefined): Promise<PublicJwk | undefined> {
    const set = await this.load(projectId, uri);
    const found = choose(set.keys, kid);
    if (found !== undefined || this.clock.now().getTime() - set.fetchedAt < FETCH_AGAIN_AFTER_MS) return found;
    this.sets.delete(keyOf(projectId, uri));
    return choose((await this.load(projectId, uri)).keys, kid);
  }

  private load(projectId: string, uri: string): Promise<KeySet> {
    const key = keyOf(projectId, uri);
    const known = this.sets.get(key);
    if (known !== undefined) return known;
    const loading = this.fetchSet(uri);
    this.sets.set(key, loading);
    loading.catch(() => this.sets.delete(key));
    return loading;
  }

  private async fetchSet(uri: string): Promise<KeySet> {
    try {
      return { keys: readKeySet(await this.fetchText(uri)), fetchedAt: this.clock.now().getTime() };
    } catch (cause) {
      throw new DomainError('invalid', 'client-keys-unreachable', "The client's keys cannot be fetched.", { cause });
    }
  }
}

function choose(keys: readonly PublicJwk[], kid: string | undefined): PublicJwk | undefined {
  if (kid !== undefined) return keys.find((key) => key.kid === kid);
  return keys.length === 1 ? keys[0] : undefined;
}

/** The public signing keys of a key set (RFC 7517 section 5); what is no such key is left out. */
function readKeySet(text: string): PublicJwk[] {
  const { keys } = JSON.parse(text) as { keys?: unknown };
  if (!Array.isArray(keys) || keys.length > MAX_KEYS) throw new Error('This is no set of keys.');
  return keys.filter(isSigningKey);
}

function isSigningKey(key: unknown): key is PublicJwk {
  if (typeof key !== 'object' || key === null) return false;
  const { kty, kid, use } = key as Record<string, unknown>;
  return (
    (kty === 'EC' || kty === 'RSA') &&
    (kid === undefined || typeof kid === 'string') &&
    (use === undefined || use === 'sig')
  );
}

const keyOf = (projectId: string, uri: string): string => `${projectId}|${uri}`;
