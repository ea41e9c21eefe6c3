import { type ExecutionContext, Injectable } from '@nestjs/common';
import { AuthGuard } from '@nestjs/passport';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ipAccess } from '#access-policy';
import { forbidden, unauthorized } from '#fhir';
import { ON_BEHALF_OF, OnBehalfOf } from '../admin/on-behalf-of.js';
import { denyOrigin } from '../http/cors.js';
import { BaseUrls } from '../tenant/base-urls.js';
import { type RequestTenant, tenantOf } from '../tenant/request-tenant.js';
import { type TenantRuntime, TenantRuntimes } from '../tenant/tenant-runtime.js';
import { type AccessClaims, isAccessClaims } from './access-token.js';
import { ACCESS_TOKEN_STRATEGY } from './access-token.strategy.js';
import { isAllowedOrigin } from './allowed-origins.js';
import { ClientAuthenticator, type ClientSecret, parseBasic } from './client-authenticator.js';
import { principalOfToken } from './open-principal.js';
import { IN_PERSON_ROUTE } from './in-person.decorator.js';
import { PUBLIC_ROUTE } from './public.decorator.js';
import { SessionCache } from './session-cache.js';
import { Session } from './session.js';

/** How long a secret sent by HTTP Basic is not checked again; what it may do is still checked by every statement. */
const BASIC_SESSION_MS = 10 * 60_000;

/**
 * Stands before every route that is not declared public, and puts a session on the request: from the cache when the
 * same credential came before, else by verifying a bearer token (passport-jwt) or a client's id and secret (HTTP Basic).
 * Everything that is wrong is the same 401.
 */
@Injectable()
export class AuthenticationGuard extends AuthGuard(ACCESS_TOKEN_STRATEGY) {
  private readonly publicHandlers = new Map<unknown, boolean>();

  constructor(
    private readonly runtimes: TenantRuntimes,
    private readonly sessions: SessionCache,
    private readonly clients: ClientAuthenticator,
    private readonly baseUrls: BaseUrls,
    private readonly onBehalfOf: OnBehalfOf,
  ) {
    super();
  }

  override canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    if (this.isPublic(context)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const tenant = tenantOf(request);
    const { authorization } = request.headers;
    if (authorization === undefined) throw unauthorized();
    const session = this.sessions.find(tenant.entry, authorization);
    if (session === undefined) return this.authenticate(context, request, tenant, authorization);
    return this.admit(context, request, tenant, session);
  }

  override handleRequest<Claims>(error: unknown, claims: Claims | false): Claims {
    if (error) throw error as Error;
    if (claims === false) throw unauthorized();
    return claims;
  }

  /** Asked once per handler: looking up metadata costs more than the rest of a warm request's authentication. */
  private isPublic(context: ExecutionContext): boolean {
    const handler = context.getHandler();
    let known = this.publicHandlers.get(handler);
    if (known === undefined) {
      known = isDeclared(PUBLIC_ROUTE, context);
      this.publicHandlers.set(handler, known);
    }
    return known;
  }

  private async authenticate(
    context: ExecutionContext,
    request: FastifyRequest,
    tenant: RequestTenant,
    authorization: string,
  ): Promise<boolean> {
    const runtime = await this.runtimes.of(tenant.entry);
    tenant.runtime = runtime;
    const basic = parseBasic(authorization);
    const session =
      basic === undefined
        ? await this.openByToken(context, request, runtime)
        : await this.openByClient(runtime, basic, request.ip);
    this.sessions.remember(tenant.entry, authorization, session);
    return this.admit(context, request, tenant, session);
  }

  /** Puts the session on the request: the caller's own, or the one in which they act on somebody's behalf. */
  private admit(
    context: ExecutionContext,
    request: FastifyRequest,
    tenant: RequestTenant,
    session: Session,
  ): boolean | Promise<boolean> {
    // A token that was carried to a place from which its policy lets nobody come is good there for nothing.
    assertPlace(session, request.ip);
    if (!isAllowedOrigin(session.current.allowedOrigins, request.headers.origin)) {
      denyOrigin(context.switchToHttp().getResponse<FastifyReply>());
      throw forbidden();
    }
    tenant.session = session;
    const target = request.headers[ON_BEHALF_OF];
    if (target === undefined) return true;
    if (isDeclared(IN_PERSON_ROUTE, context)) throw forbidden();
    return this.onBehalfOf.open(session, String(target)).then((acting) => {
      assertPlace(acting, request.ip);
      tenant.session = acting;
      return true;
    });
  }

  private async openByToken(
    context: ExecutionContext,
    request: FastifyRequest,
    runtime: TenantRuntime,
  ): Promise<Session> {
    await super.canActivate(context);
    const claims = (request as FastifyRequest & { user?: unknown }).user;
    if (!isAccessClaims(claims) || !this.isForProject(claims, runtime)) throw unauthorized();
    const source = () => principalOfToken(runtime, claims);
    const principal = await source();
    if (principal === undefined) throw unauthorized();
    return new Session(runtime, claims.login_id, claims.exp * 1000, principal, source);
  }

  private isForProject(claims: AccessClaims, { entry }: TenantRuntime): boolean {
    return claims.aud === entry.projectId && this.baseUrls.isIssuer(entry, claims.iss);
  }

  private async openByClient(runtime: TenantRuntime, secret: ClientSecret, address: string): Promise<Session> {
    const source = () => this.clients.authenticate(runtime, secret, address);
    const principal = await source();
    if (principal === undefined) throw unauthorized();
    return new Session(runtime, undefined, Date.now() + BASIC_SESSION_MS, principal, source);
  }
}

/** Throws 403 when the policy of the session lets nobody come from this address. */
function assertPlace({ current }: Session, address: string): void {
  const { ipAccessRules } = current.policy;
  if (ipAccessRules.length > 0 && !ipAccess(ipAccessRules, address)) throw forbidden();
}

const isDeclared = (declaration: string, context: ExecutionContext): boolean =>
  Reflect.getMetadata(declaration, context.getHandler()) === true ||
  Reflect.getMetadata(declaration, context.getClass()) === true;
