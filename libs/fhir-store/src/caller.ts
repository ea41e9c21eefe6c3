import type { AccessPolicy } from '#access-policy';

/** On whose behalf a repository works. */
export interface Caller {
  readonly policy: AccessPolicy;
  /** The security epoch at which the caller's principal was built; undefined only for the system itself. */
  readonly epoch?: string;
  /** Who it is, for the audit: `ClientApplication/…`, or the system's own name. */
  readonly agent: string;
  /** Whose rights hold, for the audit: `ProjectMembership/…`; undefined for the system. */
  readonly membership?: string;
  /** To whom `meta.author` of a written version refers: `Practitioner/…`. Their name stands nowhere beside it. */
  readonly author?: string;
  /** Whom an administrator acts for (header `X-Medplum-On-Behalf-Of`): their rights hold, and `agent` stays the caller. */
  readonly onBehalfOf?: string | undefined;
  /** Whether the request is in extended mode, in which a project admin says where resources are filed. */
  readonly extended?: boolean;
  readonly requestId: string;
  /**
   * Builds the same caller again from the rights as they are now. A batch asks for it when rights change while it runs,
   * because it cannot be repeated as a whole; without it the rest of its entries is answered 409.
   */
  renew?(): Promise<Caller>;
}

/**
 * The rights in the tenant database are not those with which the caller's principal was built. Nothing has been read or
 * written. Whoever built the principal builds it again and repeats the request once.
 */
export class StaleRights extends Error {
  override readonly name = 'StaleRights';

  constructor(readonly epoch: string) {
    super('Rights have changed since the principal was built; build it again and repeat the request.');
  }
}

/** Throws StaleRights when `current`, the epoch that a statement returned, is not the `expected` one. */
export function assertEpoch(expected: string | undefined, current: string): void {
  if (expected !== undefined && expected !== current) throw new StaleRights(current);
}
