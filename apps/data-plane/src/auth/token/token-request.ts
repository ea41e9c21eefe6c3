/** What every grant needs to know of a request to the token endpoint. */
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import type { ProvedClient } from '../client-authenticator.js';

export interface TokenRequest {
  readonly runtime: TenantRuntime;
  readonly form: ReadonlyMap<string, string>;
  /** The client that sent a secret or an assertion; undefined when it sent neither. One that is wrong comes no further. */
  readonly proved: ProvedClient | undefined;
  /** What tokens name as their issuer. */
  readonly issuer: string;
  readonly remoteAddress: string;
  /** Whose page sends the request, if one does. */
  readonly origin: string | undefined;
  readonly userAgent: string | undefined;
  readonly requestId: string;
}
