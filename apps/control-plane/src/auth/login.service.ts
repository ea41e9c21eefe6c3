import { Inject, Injectable } from '@nestjs/common';
import { AuditRepository, LoginThrottleRepository, OperatorRepository, type Operator } from '#control-database';
import { DomainError, networkOf, sha256, verifyPassword, type Clock } from '#platform';
import { ControlKeys } from '../environment/control-keys.js';
import { CLOCK } from '../environment/environment.module.js';
import { accessTokenSeconds, issueAccessToken } from './access-token.js';
import { operatorName } from './caller.js';
import { DeniedAttempts } from './denied-attempts.js';
import type { LoginResponse } from './dto/login.dto.js';

export interface LoginAttempt {
  email: string;
  password: string;
  address: string;
  requestId: string;
}

/**
 * Logs operators in. Wrong password, unknown e-mail and disabled operator are one answer, after the same work; failures
 * are slowed down by address and by account, and an unknown e-mail counts as an account too, or the pause would tell
 * which ones exist.
 */
@Injectable()
export class LoginService {
  constructor(
    private readonly operators: OperatorRepository,
    private readonly throttle: LoginThrottleRepository,
    private readonly audit: AuditRepository,
    private readonly deniedAttempts: DeniedAttempts,
    private readonly keys: ControlKeys,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  async login(attempt: LoginAttempt): Promise<LoginResponse> {
    const account = `account:${sha256(attempt.email.toLowerCase()).toString('hex')}`;
    const address = `address:${networkOf(attempt.address)}`;
    await this.begin(address, attempt);
    await this.begin(account, attempt);

    const operator = await this.findOperator(attempt.email);
    const isRight = await verifyPassword(attempt.password, operator?.passwordHash, 'control-plane');
    if (operator === undefined || !isRight || operator.disabledAt !== null) {
      await this.throttle.failed(account);
      await this.throttle.failed(address);
      await this.recordDenied(attempt, 'invalid-credentials');
      throw new DomainError('unauthenticated', 'invalid-credentials', 'The e-mail address or the password is wrong.');
    }

    await this.throttle.forget(account);
    await this.throttle.uncount(address);
    const actor = operatorName({ operatorId: operator.id });
    await this.audit.append({
      actor,
      action: 'login',
      target: actor,
      requestId: attempt.requestId,
      outcome: 'success',
    });
    return {
      accessToken: issueAccessToken(this.keys.accessToken, operator.id, this.clock.now()),
      tokenType: 'Bearer',
      expiresIn: accessTokenSeconds,
    };
  }

  private async begin(subject: string, attempt: LoginAttempt): Promise<void> {
    const retryAfterSeconds = await this.throttle.begin(subject);
    if (retryAfterSeconds === 0) return;
    await this.recordDenied(attempt, 'too-many-attempts');
    throw new DomainError(
      'too-many-requests',
      'too-many-attempts',
      `Too many failed logins. Wait ${retryAfterSeconds} s and try again.`,
      { retryAfterSeconds },
    );
  }

  /** PostgreSQL stores no NUL character, so nobody has such an address. */
  private async findOperator(email: string): Promise<Operator | undefined> {
    return email.includes('\0') ? undefined : this.operators.findByEmail(email);
  }

  /** What was typed is kept as a hash only: people type passwords into the wrong field. */
  private recordDenied({ email, address, requestId }: LoginAttempt, outcome: string): Promise<void> {
    const target = `email-sha256:${sha256(email.toLowerCase()).toString('hex')}`;
    return this.deniedAttempts.record({ actor: 'anonymous', action: 'login', target, outcome, requestId, address });
  }
}
