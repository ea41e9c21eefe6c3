import { Injectable } from '@nestjs/common';
import { PassportStrategy } from '@nestjs/passport';
import type { FastifyRequest } from 'fastify';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { runtimeOf } from '../tenant/request-tenant.js';
import { keyIdOf, SIGNING_ALGORITHM } from './access-token.js';

export const ACCESS_TOKEN_STRATEGY = 'access-token';

type KeyCallback = (error: Error | null, key?: string | Buffer) => void;

/**
 * Verifies signature and expiry of a bearer token with passport-jwt. The key is that of the route's project, chosen by
 * `kid`; only ES256 is accepted, without leeway. It keeps nothing of its own, since passport has one table of strategies
 * per process: what the claims are worth is judged by the guard.
 */
@Injectable()
export class AccessTokenStrategy extends PassportStrategy(Strategy, ACCESS_TOKEN_STRATEGY) {
  constructor() {
    super({
      jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
      algorithms: [SIGNING_ALGORITHM],
      secretOrKeyProvider: (request: FastifyRequest, token: string, done: KeyCallback) => {
        const kid = keyIdOf(token);
        const key = kid === undefined ? undefined : runtimeOf(request).verifyingKey(kid);
        if (key === undefined) done(new Error('no key of this project has signed the token'));
        // jsonwebtoken takes a KeyObject, which the declarations of passport-jwt do not know.
        else done(null, key as unknown as string);
      },
    });
  }

  /** What was verified becomes `request.user`. */
  validate(claims: unknown): unknown {
    return claims;
  }
}
