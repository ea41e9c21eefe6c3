import { Injectable } from '@nestjs/common';
import passport from 'passport';
import { ExtractJwt, Strategy } from 'passport-jwt';
import { isUuid, OperatorRepository } from '#control-database';
import { ControlKeys } from '../environment/control-keys.js';
import { accessTokenForm, hasAccessTokenHeader } from './access-token.js';
import { operatorName, type Caller } from './caller.js';

/**
 * Finds the caller behind an access token. The operator is read at each request, so that a disabled one is out at once
 * and a changed role counts at once.
 */
@Injectable()
export class AccessTokenAuthenticator {
  /** Not passport's shared instance: there, a second app in the process would replace the strategy of the first. */
  private readonly passport = new passport.Passport();

  constructor(
    keys: ControlKeys,
    private readonly operators: OperatorRepository,
  ) {
    // jsonwebtoken takes a KeyObject, which the declarations of passport-jwt do not know.
    const key = keys.accessToken as unknown as string;
    const strategy = new Strategy(
      {
        jwtFromRequest: ExtractJwt.fromAuthHeaderAsBearerToken(),
        algorithms: [accessTokenForm.algorithm],
        issuer: accessTokenForm.issuer,
        audience: accessTokenForm.audience,
        secretOrKeyProvider: (_request, token: string, done) =>
          hasAccessTokenHeader(token) ? done(null, key) : done(new Error('not an access token')),
      },
      (claims: { sub?: unknown }, done) => {
        this.findCaller(claims).then(
          (caller) => done(null, caller ?? false),
          (error: unknown) => done(error),
        );
      },
    );
    this.passport.use(strategy);
  }

  /** Undefined when the token is not one of ours that is good now. Rejects when that cannot be found out. */
  authenticate(authorization: string): Promise<Caller | undefined> {
    return new Promise((resolve, reject) => {
      const verdict = (error: Error | null, caller: Caller | false | undefined) =>
        error ? reject(error) : resolve(caller || undefined);
      const middleware = this.passport.authenticate('jwt', { session: false }, verdict) as (
        request: object,
        response: object,
        next: (error: unknown) => void,
      ) => void;
      middleware({ headers: { authorization } }, {}, reject);
    });
  }

  private async findCaller({ sub }: { sub?: unknown }): Promise<Caller | undefined> {
    if (typeof sub !== 'string' || !isUuid(sub)) return undefined;
    const operator = await this.operators.find(sub);
    if (operator === undefined || operator.disabledAt !== null) return undefined;
    const operatorId = operator.id;
    return { operatorId, actor: operatorName({ operatorId }), role: operator.role };
  }
}
