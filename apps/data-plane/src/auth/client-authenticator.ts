import {
  type ClientCredentials,
  findClientCredentials,
  isClientSecret,
  isFhirId,
  type StoredResource,
} from '#fhir-store';
import type { TenantRuntime } from '../tenant/tenant-runtime.js';
import { LoginBackoff } from './login-backoff.js';
import { isActiveMembership, principalOfMember } from './principal.js';
import { type RegisteredClient, registeredClient } from './registered-client.js';
import type { Principal } from './session.js';

export interface ClientSecret {
  readonly clientId: string;
  readonly clientSecret: string;
}

/** A client that has proved who it is. */
export interface ProvedClient {
  readonly client: RegisteredClient;
  /** Its rights; undefined for a client without an active membership, through which only people log in. */
  readonly principal: Principal | undefined;
}

/** Checks a client's id and secret. */
export class ClientAuthenticator {
  constructor(private readonly backoff: LoginBackoff) {}

  /**
   * The client, or undefined for an unknown one, a wrong secret or a client that is switched off: the caller must not be
   * able to tell which. Throws `too-many-requests` after repeated failures from `address`.
   */
  async prove(runtime: TenantRuntime, secret: ClientSecret, address: string): Promise<ProvedClient | undefined> {
    const attempt = await this.backoff.begin(runtime, {
      account: `ClientApplication/${secret.clientId}`,
      address,
      secret: 'generated',
    });
    const proved = await this.find(runtime, secret);
    await (proved === undefined ? attempt.failed() : attempt.succeeded());
    return proved;
  }

  /** The rights of a client by its id and secret, for HTTP Basic on the FHIR API; undefined like `prove`. */
  async authenticate(runtime: TenantRuntime, secret: ClientSecret, address: string): Promise<Principal | undefined> {
    return (await this.prove(runtime, secret, address))?.principal;
  }

  /** A client that has proved in another way who it is, with its rights; undefined when it is switched off or gone. */
  async read(runtime: TenantRuntime, clientId: string): Promise<ProvedClient | undefined> {
    return provedClient(runtime, await findClientCredentials(runtime.database, clientId));
  }

  private async find(runtime: TenantRuntime, secret: ClientSecret): Promise<ProvedClient | undefined> {
    // Any other id is a client that does not exist.
    if (!isFhirId(secret.clientId)) return undefined;
    const found = await findClientCredentials(runtime.database, secret.clientId);
    // The comparison runs for unknown clients too, so that the time taken says nothing.
    return isClientSecret(secret.clientSecret, found) ? provedClient(runtime, found) : undefined;
  }
}

function provedClient(runtime: TenantRuntime, found: ClientCredentials): ProvedClient | undefined {
  const { epoch, client: user, memberships, policies } = found;
  const client = user && registeredClient(user as StoredResource);
  if (user === undefined || client === undefined) return undefined;
  const membership = memberships.find(isActiveMembership);
  const principal = membership && principalOfMember(runtime, { epoch, membership, user, policies });
  return { client, principal };
}

/** The credentials of an `Authorization: Basic` header (RFC 7617); undefined when it is no such header. */
export function parseBasic(header: string | undefined): ClientSecret | undefined {
  const encoded = /^Basic +([A-Za-z0-9+/=_-]+)\s*$/i.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  return colon === -1 ? undefined : { clientId: text.slice(0, colon), clientSecret: text.slice(colon + 1) };
}
