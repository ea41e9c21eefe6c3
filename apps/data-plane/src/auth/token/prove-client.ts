/** Finds out which client sends a request to the token or introspection endpoint (RFC 6749 section 2.3). */
import { Injectable } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { BaseUrls } from '../../tenant/base-urls.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import type { TenantRuntime } from '../../tenant/tenant-runtime.js';
import { ClientAuthenticator, parseBasic, type ProvedClient } from '../client-authenticator.js';
import { ASSERTION_TYPE, ClientAssertions } from './client-assertion.js';
import { invalidClient, TokenError } from './token-error.js';

@Injectable()
export class ClientProof {
  constructor(
    private readonly clients: ClientAuthenticator,
    private readonly assertions: ClientAssertions,
    private readonly baseUrls: BaseUrls,
  ) {}

  /**
   * The client that proved who it is by HTTP Basic, a secret in the form or an assertion; undefined when the request has
   * none of them. Throws TokenError `invalid_client` when there is one and it is wrong, and `invalid_request` for more
   * than one, or for a `client_id` that says something else.
   */
  async of(
    request: FastifyRequest,
    runtime: TenantRuntime,
    form: ReadonlyMap<string, string>,
  ): Promise<ProvedClient | undefined> {
    const basic = parseBasic(request.headers.authorization);
    const clientSecret = form.get('client_secret');
    const assertion = form.get('client_assertion');
    const ways = [basic, clientSecret, assertion].filter((way) => way !== undefined).length;
    if (ways === 0) return undefined;
    if (ways > 1) throw new TokenError('invalid_request', 'A client proves who it is in one way at a time.');
    const clientId = form.get('client_id');
    const secret = basic ?? (clientSecret === undefined ? undefined : { clientId: clientId ?? '', clientSecret });
    const proved =
      secret === undefined
        ? await this.byAssertion(request, runtime, form, assertion ?? '')
        : await this.clients.prove(runtime, secret, request.ip);
    if (proved === undefined) throw invalidClient();
    if (clientId !== undefined && clientId !== proved.client.id) throw invalidClient();
    return proved;
  }

  private byAssertion(
    request: FastifyRequest,
    runtime: TenantRuntime,
    form: ReadonlyMap<string, string>,
    assertion: string,
  ): Promise<ProvedClient | undefined> {
    if (form.get('client_assertion_type') !== ASSERTION_TYPE) {
      throw new TokenError('invalid_request', `client_assertion_type must be ${ASSERTION_TYPE}.`);
    }
    const tenant = tenantOf(request);
    const bases = [this.baseUrls.canonicalOf(tenant.entry), this.baseUrls.ofRequest(request, tenant)];
    return this.assertions.prove(
      runtime,
      assertion,
      bases.map((base) => `${base}oauth2/token`),
    );
  }
}
