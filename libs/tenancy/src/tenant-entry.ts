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
}

/** Where the tenant database is. `generation` grows when it moves, so that old connections can be told apart. */
export interface TenantPlacement {
  readonly generation: number;
  readonly clusterId: string;
  readonly host: string;
  readonly port: number;
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
  /** The FHIR version's id or label as the control plane stored it. */
  readonly fhirVersion: string;
  readonly baseUrls: readonly BaseUrlName[];
  readonly signingKeys: readonly SealedSigningKey[];
  /** Base64; the project's data key, wrapped. Absent until the project is placed. */
  readonly wrappedProjectKey?: string;
  /** Absent until the project is placed. */
  readonly placement?: TenantPlacement;
}

/** Whether two entries say the same; the directory then keeps the old object, on whose identity caches rely. */
export function sameEntry(a: TenantEntry, b: TenantEntry): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** The names in an entry that its tokens' issuers may carry: every host on which the project answers. */
export function hostsOf(entry: TenantEntry, baseDomain: string): string[] {
  return entry.baseUrls.map(({ kind, name }) => (kind === 'slug' ? `${name}.${baseDomain}` : name));
}
