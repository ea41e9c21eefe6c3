/**
 * What a data plane keeps in memory for every project, used or not. One entry must stay small (a process holds one for
 * each of many thousand projects): secrets stay sealed and keys stay text until somebody needs them (`tenant-keys.ts`),
 * and bytes are base64 text, because a small Buffer would keep a whole 8 KiB slab of Node's pool alive.
 */

/** What each state answers is decided in `project-state.ts`. */
export type ProjectState =
  'provisioning' | 'active' | 'failed' | 'suspended' | 'stopped' | 'maintenance' | 'archived' | 'deleting' | 'deleted';

/** A name by which a project is reached: a slug below the base domain, or a whole host of its own. */
export interface BaseUrlName {
  readonly kind: 'slug' | 'domain';
  readonly name: string;
  readonly canonical: boolean;
  /** Set for a slug that was given up: when that was, and when it ends, in milliseconds since 1970. */
  readonly former?: { readonly since: number; readonly endsAt: number };
}

/** How connections to a cluster are protected. */
export interface ClusterTls {
  readonly mode: 'require' | 'verify-full';
  /** PEM of the certificates that the server's own must go back to. */
  readonly ca?: string;
}

/** Where the tenant database is. `generation` grows when it moves, so that old connections can be told apart. */
export interface TenantPlacement {
  readonly generation: number;
  readonly clusterId: string;
  readonly host: string;
  readonly port: number;
  /** Absent where connections are not encrypted. */
  readonly tls?: ClusterTls;
  readonly databaseId: string;
  readonly database: string;
  readonly role: string;
  /** Base64; sealed with the data key of the tenant database. */
  readonly sealedPassword: string;
  /** Base64; that data key, wrapped by the master key. */
  readonly wrappedKey: string;
}

/** One of the project's token keys. Revoked keys are not in an entry. */
export interface SealedSigningKey {
  readonly kid: string;
  readonly state: 'signing' | 'verifying';
  /** When its tokens are good no longer, in milliseconds since 1970. */
  readonly endsAt?: number;
  /** JSON text of the public JWK (RFC 7517). */
  readonly publicJwk: string;
  /** Base64; sealed with the project's data key. */
  readonly sealedPrivateKey: string;
}

export interface TenantEntry {
  readonly projectId: string;
  readonly slug: string;
  readonly name: string;
  readonly state: ProjectState;
  /** Set for a project in state `maintenance` that answers reads all the same. */
  readonly readOnly?: true;
  /** The FHIR version's id or label as the control plane stored it. */
  readonly fhirVersion: string;
  readonly baseUrls: readonly BaseUrlName[];
  readonly signingKeys: readonly SealedSigningKey[];
  /** Base64; the project's data key, wrapped. Absent until the project is placed. */
  readonly wrappedProjectKey?: string;
  /** Absent until the project is placed. */
  readonly placement?: TenantPlacement;
  /**
   * The schema of its tenant database, as it was last heard; absent until the project is placed. It is no part of the
   * placement, because a database that was migrated is still in its place.
   */
  readonly schemaVersion?: number;
  /** This release does not serve that schema. */
  readonly schemaTooOld?: true;
}

/** Whether two entries say the same; the directory then keeps the old object, on whose identity caches rely. */
export function sameEntry(a: TenantEntry, b: TenantEntry): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** Whether nothing but the schema of its tenant database makes a difference between two entries of a project. */
export function differsInSchemaAlone(a: TenantEntry, b: TenantEntry): boolean {
  const rest = (entry: TenantEntry) => JSON.stringify({ ...entry, schemaVersion: undefined, schemaTooOld: undefined });
  return rest(a) === rest(b);
}

/** The moment at which the next part of the entry ends (a former slug, a verifying key); undefined when none will. */
export function nextEndOf({ baseUrls, signingKeys }: TenantEntry): number | undefined {
  const ends = [...baseUrls.map(({ former }) => former?.endsAt), ...signingKeys.map(({ endsAt }) => endsAt)];
  const known = ends.filter((end) => end !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

/** The entry without what has ended at `now`; the same object when nothing has. */
export function entryAt(entry: TenantEntry, now: number): TenantEntry {
  const end = nextEndOf(entry);
  if (end === undefined || end > now) return entry;
  return {
    ...entry,
    baseUrls: entry.baseUrls.filter(({ former }) => former === undefined || former.endsAt > now),
    signingKeys: entry.signingKeys.filter(({ endsAt }) => endsAt === undefined || endsAt > now),
  };
}

/** The names in an entry that its tokens' issuers may carry: every host on which the project answers. */
export function hostsOf(entry: TenantEntry, baseDomain: string): string[] {
  return entry.baseUrls.map(({ kind, name }) => (kind === 'slug' ? `${name}.${baseDomain}` : name));
}
