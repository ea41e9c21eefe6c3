/**
 * What is remembered of an authenticated caller between its requests. The credential (a token, or a client's secret) was
 * checked once; what the caller may do is a principal built under one security epoch of the tenant database. When a
 * statement meets another epoch, the principal is built again from the rights as they are then, so a revoked session,
 * membership or client is refused by the very next request on every replica.
 */
import { unauthorized } from '#fhir';
import { assertCurrentEpoch, type Caller, StaleRights } from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import type { NamedReference, Principal } from './principal.js';

export type { NamedReference, Principal };

/** Reads the principal as it is now; undefined when the credential or the membership is not good any more. */
export type PrincipalSource = () => Promise<Principal | undefined>;

/** With whose rights a session acts: enough to open it again without its credential, as long as they hold. */
export interface SessionOrigin {
  /** Of the one who came. */
  readonly membershipId: string;
  readonly user: string;
  /** Absent for HTTP Basic, where there was no log-in. */
  readonly loginId?: string;
  /** The membership on whose behalf they act. */
  readonly onBehalfOf?: string;
}

export class Session {
  private renewing: Promise<Principal> | undefined;
  private ended = false;
  /** One text for all its callers, of which every request makes one. */
  private membership: string;

  constructor(
    readonly runtime: TenantRuntime,
    /** Absent for HTTP Basic, where there was no log-in. */
    readonly loginId: string | undefined,
    /** Milliseconds since 1970 from which the credential has to be checked again. */
    readonly expiresAt: number,
    private principal: Principal,
    private readonly source: PrincipalSource,
    /** The session of the administrator who acts on behalf of the principal. */
    private readonly actor?: Session,
  ) {
    this.membership = membershipOf(principal);
  }

  /** The session in which this one's caller, an administrator, acts with the rights of `principal`. */
  actingFor(principal: Principal, source: PrincipalSource): Session {
    return new Session(this.runtime, this.loginId, this.expiresAt, principal, source, this);
  }

  /** The same session, whose principal is read by what `wrap` makes of its own way. */
  readBy(wrap: (source: PrincipalSource) => PrincipalSource): Session {
    const { runtime, loginId, expiresAt, principal, source, actor } = this;
    return new Session(runtime, loginId, expiresAt, principal, wrap(source), actor);
  }

  /** Whether the credential need not be checked again at this time, in milliseconds since 1970. */
  isGoodAt(time: number): boolean {
    return !this.ended && time < this.expiresAt;
  }

  get current(): Principal {
    return this.principal;
  }

  /** Whether an administrator acts on behalf of the principal. */
  get isActing(): boolean {
    return this.actor !== undefined;
  }

  /** Where its rights come from. */
  get origin(): SessionOrigin {
    const { membershipId, user } = (this.actor ?? this).current;
    return {
      membershipId,
      user,
      ...(this.loginId === undefined ? {} : { loginId: this.loginId }),
      ...(this.actor === undefined ? {} : { onBehalfOf: this.principal.membershipId }),
    };
  }

  /**
   * Makes sure that the principal is the one of this moment, before work that does not ask the database under its epoch.
   * Throws 401 when there is none any more.
   */
  async refresh(): Promise<void> {
    const { epoch } = this.principal;
    try {
      await this.runtime.database.use((connection) => assertCurrentEpoch(connection, epoch));
    } catch (error) {
      if (!(error instanceof StaleRights)) throw error;
      await this.renew();
    }
  }

  /** The caller of one request; `extended` when it is in extended mode. */
  caller(requestId: string, extended = false): Caller {
    const { policy, epoch, profile } = this.principal;
    const author = (this.actor?.current.profile ?? profile).reference;
    return {
      policy,
      epoch,
      agent: author,
      membership: this.membership,
      author,
      onBehalfOf: this.actor === undefined ? undefined : profile.reference,
      extended,
      requestId,
      renew: async () => {
        await this.renew();
        return this.caller(requestId, extended);
      },
    };
  }

  /**
   * Builds the principal again; requests that find out at the same time share it. Throws 401 when there is none any
   * more.
   */
  renew(): Promise<Principal> {
    this.renewing ??= this.read().finally(() => (this.renewing = undefined));
    return this.renewing;
  }

  private async read(): Promise<Principal> {
    const principal = await this.source();
    if (principal === undefined) {
      this.ended = true;
      throw unauthorized();
    }
    this.principal = principal;
    this.membership = membershipOf(principal);
    return principal;
  }
}

const membershipOf = ({ membershipId }: Principal): string => `ProjectMembership/${membershipId}`;
