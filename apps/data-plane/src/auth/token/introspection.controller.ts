import { Controller, Post, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { findLoginSession } from '#fhir-store';
import { BaseUrls } from '../../tenant/base-urls.js';
import { tenantOf } from '../../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../../tenant/tenant-runtime.js';
import { verifiedClaims } from '../access-token.js';
import { formBody } from '../form-body.js';
import { openLoginPrincipal, principalOfToken } from '../open-principal.js';
import { Public } from '../public.decorator.js';
import { detailsOf } from './authorization-code-grant.js';
import { sendOAuth, sendTokenError } from './oauth-answer.js';
import { readRefreshToken, sameHash } from './opaque-secrets.js';
import { ClientProof } from './prove-client.js';
import { invalidClient, TokenError } from './token-error.js';

const INACTIVE = { active: false } as const;

/** Token introspection (RFC 7662), for clients of the project that prove who they are. */
@Controller('oauth2')
export class IntrospectionController {
  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly proof: ClientProof,
    private readonly baseUrls: BaseUrls,
  ) {}

  /** Whether a token is good at this moment, and for what. Nothing is said of tokens that are not, nor of foreign ones. */
  @Public()
  @Post('introspect')
  async introspect(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const runtime = await this.runtimes.of(tenantOf(request).entry);
    try {
      const form = formBody(request);
      if (form === undefined) throw new TokenError('invalid_request', 'The body must be a form, without repetitions.');
      if ((await this.proof.of(request, runtime, form)) === undefined) throw invalidClient();
      const token = form.get('token');
      if (token === undefined) throw new TokenError('invalid_request', 'The token is missing.');
      return await sendOAuth(request, reply, 200, await this.describe(runtime, token));
    } catch (error) {
      if (!(error instanceof TokenError)) throw error;
      return sendTokenError(request, reply, error, error.code === 'invalid_client');
    }
  }

  private async describe(runtime: TenantRuntime, token: string): Promise<object> {
    return (await this.describeAccess(runtime, token)) ?? (await describeRefresh(runtime, token)) ?? INACTIVE;
  }

  private async describeAccess(runtime: TenantRuntime, token: string): Promise<object | undefined> {
    const claims = verifiedClaims(runtime, token);
    if (claims === undefined || claims.aud !== runtime.entry.projectId) return undefined;
    if (!this.baseUrls.isIssuer(runtime.entry, claims.iss)) return undefined;
    if ((await principalOfToken(runtime, claims)) === undefined) return undefined;
    return { active: true, token_type: 'Bearer', ...claims, fhirUser: claims.profile };
  }
}

async function describeRefresh(runtime: TenantRuntime, token: string): Promise<object | undefined> {
  const read = readRefreshToken(token);
  if (read === undefined) return undefined;
  const session = await runtime.database.use((connection) => findLoginSession(connection, read.loginId));
  const isCurrent =
    session !== undefined &&
    sameHash(session.familyHash, read.familyHash) &&
    sameHash(session.refreshHash, read.refreshHash);
  if (!isCurrent) return undefined;
  const { user, membership, scope, client } = detailsOf(session);
  if (membership === undefined) return undefined;
  const query = { membershipId: membership, user, loginId: read.loginId };
  if ((await openLoginPrincipal(runtime, query)) === undefined) return undefined;
  return { active: true, token_type: 'refresh_token', scope, ...(client === undefined ? {} : { client_id: client }) };
}
