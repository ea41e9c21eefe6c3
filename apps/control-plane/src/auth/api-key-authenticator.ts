import { Inject, Injectable } from '@nestjs/common';
import { ApiKeyRepository } from '#control-database';
import { sha256, type Clock } from '#platform';
import { CLOCK } from '../environment/environment.module.js';
import { lesserRole, type Caller } from './caller.js';

export const apiKeyPrefix = 'byk_';

/** Finds the caller behind an API key. */
@Injectable()
export class ApiKeyAuthenticator {
  constructor(
    private readonly apiKeys: ApiKeyRepository,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** Undefined when the key is unknown, expired or revoked. A key never does more than its operator may do now. */
  async authenticate(secret: string): Promise<Caller | undefined> {
    const key = await this.apiKeys.use(sha256(secret), this.clock.now());
    if (key === undefined) return undefined;
    return { operatorId: key.operatorId, actor: `key:${key.id}`, role: lesserRole(key.role, key.operatorRole) };
  }
}
