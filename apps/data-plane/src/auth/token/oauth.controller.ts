import { Controller, Get, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ReadAudit, revokeLogins } from '#fhir-store';
import { denyOrigin } from '../../http/cors.js';
import { BaseUrls } from '../../tenant/base-urls.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { parseBasic } from '../client-authenticator.js';
import { formBody } from '../form-body.js';
import { InPerson } from '../in-person.decorator.js';
import { printableUserAgent } from '../login/login-details.js';
import { Public } from '../public.decorator.js';
import { sendDone } from '../uncached-answer.js';
import { withCurrentRights } from '../with-current-rights.js';
import { grants } from './grants.js';
import { sendOAuth, sendTokenError } from './oauth-answer.js';
import { ClientProof } from './prove-client.js';
import type { TokenAnswer } from './token-answer.js';
import { ForeignOrigin, TokenError } from './token-error.js';

@InPerson()
@Controller('oauth2')
export class OAuthController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly proof: ClientProof,
    private readonly baseUrls: BaseUrls,
    private readonly audit: ReadAudit,
  ) {}

  /** The token endpoint (RFC 6749 section 3.2). */
  @Public()
  @Post('token')
  async token(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    const form = formBody(request);
    try {
      const answer = await this.grant(request, runtime, form);
      this.record(request, runtime, 'success', answer.profile.reference);
      return await sendOAuth(request, reply, 200, answer);
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      if (error instanceof ForeignOrigin) denyOrigin(reply);
      this.record(request, runtime, 'refused', claimedAgent(form));
      const usedBasic = error.code === 'invalid_client' && parseBasic(request.headers.authorization) !== undefined;
      return sendTokenError(request, reply, error, usedBasic);
    }
  }

  /** Ends the caller's log-in. A caller without one (HTTP Basic) has nothing to end. */
  @Post('logout')
  async logout(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await withCurrentRights(request, async (session) => {
      const { runtime, loginId } = session;
      if (loginId !== undefined) await revokeLogins(runtime.database, session.caller(request.id), [loginId]);
    });
    return sendDone(request, reply, 'Logged out');
  }

  /** HEAD comes here too, and changes nothing (RFC 9110 section 9.3.2). */
  @Get('logout')
  async logoutByGet(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    return request.method === 'HEAD' ? sendDone(request, reply, 'Logged out') : this.logout(request, reply);
  }

  private async grant(
    request: FastifyRequest,
    runtime: TenantRuntime,
    form: ReadonlyMap<string, string> | undefined,
  ): Promise<TokenAnswer> {
    if (form === undefined) throw new TokenError('invalid_request', 'The body must be a form, without repetitions.');
    const grant = grants.get(form.get('grant_type') ?? '');
    if (grant === undefined) {
      throw new TokenError('unsupported_grant_type', `grant_type must be one of ${[...grants.keys()].join(', ')}.`);
    }
    return grant({
      runtime,
      form,
      proved: await this.proof.of(request, runtime, form),
      issuer: this.baseUrls.canonicalOf(runtime.entry),
      remoteAddress: request.ip,
      origin: request.headers.origin,
      userAgent: printableUserAgent(request.headers['user-agent']),
      requestId: request.id,
    });
  }

  private record(request: FastifyRequest, runtime: TenantRuntime, outcome: 'success' | 'refused', agent: string): void {
    this.audit.record(runtime.database, { action: 'E', outcome, agent, entity: 'oauth2/token', requestId: request.id });
  }
}

/** Who somebody says to be whose request was refused. */
const claimedAgent = (form: ReadonlyMap<string, string> | undefined): string =>
  `ClientApplication/${(form?.get('client_id') ?? 'unknown').slice(0, 64)}`;
