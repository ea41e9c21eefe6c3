/**
 * What is remembered of an authenticated caller between its requests. The credential (a token, or a client's secret) was
 * checked once; what the caller may do is a principal built under one security epoch of the tenant database. When a
 * statement meets another epoch, the principal is built again from the rights as they are then, so a revoked session,
 * membership or client is refused by the very next request on every replica.
 */
import { unauthorized } from '#fhir';
import type { Caller } from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';

/** A reference with the name to show for it. */
export interface NamedReference {
  readonly reference: string;
  readonly display?: string;
}

/** Who the caller is inside the project, as read in one snapshot of the tenant database. */
export interface Principal {
  readonly epoch: string;
  readonly membershipId: string;
  readonly clientId: string;
  readonly admin: boolean;
  readonly profile: NamedReference;
  readonly policy: Caller['policy'];
}

/** Reads the principal as it is now; undefined when the credential or the membership is not good any more. */
export type PrincipalSource = () => Promise<Principal | undefined>;

export class Session {
  private renewing: Promise<Principal> | undefined;
  private ended = false;

  constructor(
    readonly runtime: TenantRuntime,
    /** Absent for HTTP Basic, where there was no log-in. */
    readonly loginId: string | undefined,
    /** Milliseconds since 1970 from which the credential has to be checked again. */
    readonly expiresAt: number,
    private principal: Principal,
    private readonly source: PrincipalSource,
  ) {}

  /** Whether the credential need not be checked again at this time, in milliseconds since 1970. */
  isGoodAt(time: number): boolean {
    return !this.ended && time < this.expiresAt;
  }

  get current(): Principal {
    return this.principal;
  }

  /** The caller of one request. */
  caller(requestId: string): Caller {
    const { policy, epoch, profile } = this.principal;
    return {
      policy,
      epoch,
      agent: profile.reference,
      author: profile,
      requestId,
      renew: async () => {
        await this.renew();
        return this.caller(requestId);
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
    return principal;
  }
}
