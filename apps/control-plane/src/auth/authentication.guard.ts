import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import type { OperatorRole } from '#control-database';
import { DomainError } from '#platform';
import { AccessTokenAuthenticator } from './access-token-authenticator.js';
import { ApiKeyAuthenticator, apiKeyPrefix } from './api-key-authenticator.js';
import { type Caller, roleProblem } from './caller.js';
import { DeniedAttempts } from './denied-attempts.js';
import { neededRole } from './needs-role.decorator.js';
import { publicRoute } from './public.decorator.js';

/**
 * Stands before every route. Public ones pass; all others need an access token or an API key, and a role that may use
 * the route and the method. Refused credentials and refused rights are audited; a request without credentials is not an attempt.
 */
@Injectable()
export class AuthenticationGuard implements CanActivate {
  constructor(
    private readonly reflector: Reflector,
    private readonly accessTokens: AccessTokenAuthenticator,
    private readonly apiKeys: ApiKeyAuthenticator,
    private readonly deniedAttempts: DeniedAttempts,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const of = [context.getHandler(), context.getClass()];
    if (this.reflector.getAllAndOverride<boolean>(publicRoute, of)) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.authenticate(request);
    const needed = this.reflector.getAllAndOverride<OperatorRole | undefined>(neededRole, of) ?? 'auditor';
    const refusal = roleProblem(caller.role, needed, request.method);
    if (refusal !== undefined) {
      await this.recordDenied(request, caller.actor, 'role-insufficient');
      throw new DomainError('denied', 'role-insufficient', refusal);
    }
    request.caller = caller;
    return true;
  }

  private async authenticate(request: FastifyRequest): Promise<Caller> {
    const { authorization } = request.headers;
    if (authorization === undefined) throw unauthenticated('Send an access token or an API key as a bearer token.');
    const [, token = ''] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
    const caller = token.startsWith(apiKeyPrefix)
      ? await this.apiKeys.authenticate(token)
      : await this.accessTokens.authenticate(authorization);
    if (caller !== undefined) return caller;
    await this.recordDenied(request, 'anonymous', 'invalid-credentials');
    throw unauthenticated('The token or API key is not valid (any more).');
  }

  private recordDenied(request: FastifyRequest, actor: string, outcome: string): Promise<void> {
    return this.deniedAttempts.record({
      actor,
      action: 'access',
      target: `${request.method} ${request.routeOptions.url}`,
      outcome,
      requestId: request.id,
      address: request.ip,
    });
  }
}

function unauthenticated(message: string): DomainError {
  return new DomainError('unauthenticated', 'unauthenticated', message);
}
