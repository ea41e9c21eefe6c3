import { type CanActivate, type ExecutionContext, Injectable } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import type { FastifyRequest } from 'fastify';
import { DomainError } from '#platform';
import { AccessTokenAuthenticator } from './access-token-authenticator.js';
import { ApiKeyAuthenticator, apiKeyPrefix } from './api-key-authenticator.js';
import { type Caller, mayUseMethod } from './caller.js';
import { DeniedAttempts } from './denied-attempts.js';
import { publicRoute } from './public.decorator.js';

/**
 * Stands before every route. Public ones pass; all others need an access token or an API key, and a role that may use
 * the method. Refused credentials and refused rights are audited; a request without credentials is not an attempt.
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
    if (this.reflector.getAllAndOverride<boolean>(publicRoute, [context.getHandler(), context.getClass()])) return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const caller = await this.authenticate(request);
    if (!mayUseMethod(caller.role, request.method)) {
      await this.recordDenied(request, caller.actor, 'role-insufficient');
      throw new DomainError('denied', 'role-insufficient', `The role ${caller.role} may only read.`);
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
