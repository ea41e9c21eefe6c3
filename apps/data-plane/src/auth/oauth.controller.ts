import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { operationOutcome } from '#fhir';
import { ReadAudit } from '#fhir-store';
import { JSON_TYPE, sendText } from '../http/send.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { sessionOf, tenantOf } from '../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../tenant/tenant-runtime.js';
import { ClientAuthenticator, type ClientSecret, parseBasic } from './client-authenticator.js';
import { loginClient, revokeLogin } from './client-login.js';
import { formBody } from './form-body.js';
import { Public } from './public.decorator.js';
import { grantedScope } from './scopes.js';

/** Errors of the token endpoint (RFC 6749 section 5.2). */
type TokenError = 'invalid_request' | 'invalid_client' | 'invalid_scope' | 'unsupported_grant_type';

@Controller('oauth2')
export class OAuthController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly clients: ClientAuthenticator,
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  /** Gives a client that knows its secret an access token. The secret comes by HTTP Basic or in the form. */
  @Public()
  @Post('token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const form = formBody(request);
    if (form === undefined)
      return refuse(request, reply, 'invalid_request', 'The body must be a form, without repetitions.');
    if (form.get('grant_type') !== 'client_credentials') {
      return refuse(request, reply, 'unsupported_grant_type', 'Only client_credentials is supported.');
    }
    const basic = parseBasic(request.headers.authorization);
    const secret = basic ?? secretInForm(form);
    const scope = grantedScope(form.get('scope'));
    if (secret === undefined)
      return refuse(request, reply, 'invalid_request', 'client_id and client_secret are missing.');
    if (scope === undefined) return refuse(request, reply, 'invalid_scope', 'A requested scope cannot be granted.');
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const client = await this.clients.authenticate(runtime, secret, request.ip);
    if (client === undefined) {
      this.record(request, runtime, 'refused', `ClientApplication/${secret.clientId.slice(0, 64)}`);
      return refuse(
        request,
        reply,
        'invalid_client',
        'The client is unknown or its secret is wrong.',
        basic !== undefined,
      );
    }
    const answer = await loginClient(runtime, {
      principal: client.principal,
      scope,
      issuer: this.baseUrls.canonicalOf(runtime.entry),
      remoteAddress: request.ip,
      userAgent: request.headers['user-agent'],
      requestId: request.id,
    });
    this.record(request, runtime, 'success', client.principal.profile.reference);
    return sendOAuth(request, reply, 200, answer);
  }

  /** Ends the caller's log-in. A caller without one (HTTP Basic) has nothing to end. */
  @Post('logout')
  async logout(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.endLogin(request);
    const issue = { severity: 'information', code: 'informational', text: 'Logged out' } as const;
    return sendText(request, reply, 200, JSON.stringify(operationOutcome('ok', [issue])));
  }

  @Get('logout')
  logoutByGet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.logout(request, reply);
  }

  private async endLogin(request: FastifyRequest): Promise<void> {
    const { runtime, loginId, current } = sessionOf(request);
    if (loginId !== undefined) await revokeLogin(runtime, loginId, current.profile.reference, request.id);
  }

  private record(request: FastifyRequest, runtime: TenantRuntime, outcome: 'success' | 'refused', agent: string): void {
    this.audit.record(runtime.database, { action: 'E', outcome, agent, entity: 'oauth2/token', requestId: request.id });
  }
}

function secretInForm(form: ReadonlyMap<string, string>): ClientSecret | undefined {
  const clientId = form.get('client_id');
  const clientSecret = form.get('client_secret');
  return clientId === undefined || clientSecret === undefined ? undefined : { clientId, clientSecret };
}

function refuse(
  request: FastifyRequest,
  reply: FastifyReply,
  error: TokenError,
  description: string,
  usedBasic = false,
): void | Promise<void> {
  if (usedBasic) void reply.header('www-authenticate', 'Basic realm="fhir"');
  return sendOAuth(request, reply, usedBasic ? 401 : 400, { error, error_description: description });
}

function sendOAuth(request: FastifyRequest, reply: FastifyReply, status: number, answer: object): void | Promise<void> {
  void reply.header('cache-control', 'no-store').header('pragma', 'no-cache');
  return sendText(request, reply, status, JSON.stringify(answer), JSON_TYPE);
}
