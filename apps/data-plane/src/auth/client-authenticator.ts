import type { JsonObject } from '#fhir';
import { findClientCredentials, isClientSecret } from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { LoginBackoff } from './login-backoff.js';
import { isActiveMembership, principalOfClient } from './principal.js';
import type { Principal } from './session.js';

export interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
}

export interface AuthenticatedClient {
  readonly principal: Principal;
  readonly client: JsonObject;
}

/** Any other id is a client that does not exist. */
const ID_FORM = /^[A-Za-z0-9\-.]{1,64}$/;

/** Checks a client's id and secret. */
export class ClientAuthenticator {
  constructor(private readonly backoff: LoginBackoff) {}

  /**
   * The client with its rights, or undefined for an unknown client, a wrong secret, a client that is switched off or one
   * without an active membership: the caller must not be able to tell which. Throws `too-many-requests` after repeated
   * failures from `address`.
   */
  async authenticate(
    runtime: TenantRuntime,
    secret: ClientSecret,
    address: string,
  ): Promise<AuthenticatedClient | undefined> {
    const attempt = { projectId: runtime.entry.projectId, clientId: secret.clientId, address };
    this.backoff.assertAllowed(attempt);
    const authenticated = await this.find(runtime, secret);
    if (authenticated === undefined) this.backoff.failed(attempt);
    else this.backoff.succeeded(attempt);
    return authenticated;
  }

  private async find(runtime: TenantRuntime, secret: ClientSecret): Promise<AuthenticatedClient | undefined> {
    if (!ID_FORM.test(secret.clientId)) return undefined;
    const found = await findClientCredentials(runtime.database, secret.clientId);
    // The comparison runs for unknown clients too, so that the time taken says nothing.
    if (!isClientSecret(secret.clientSecret, found) || found.client === undefined) return undefined;
    const membership = found.memberships.find(isActiveMembership);
    if (membership === undefined) return undefined;
    const principal = principalOfClient({ epoch: found.epoch, client: found.client, membership });
    return principal === undefined ? undefined : { principal, client: found.client };
  }
}

/** The credentials of an `Authorization: Basic` header (RFC 7617); undefined when it is no such header. */
export function parseBasic(header: string | undefined): ClientSecret | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)\s*$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { clientId: text.slice(0, colon), clientSecret: text.slice(colon + 1) };
}
