import { Inject, Injectable } from '@nestjs/common';
import { ApiKeyRepository, AuditRepository, type OperatorId, type OperatorRole } from '#control-database';
import { DomainError, generateSecret, newId, sha256, type Clock } from '#platform';
import { apiKeyPrefix } from '../auth/api-key-authenticator.js';
import { includesRole, isSignedIn, type Caller } from '../auth/caller.js';
import { CLOCK } from '../environment/environment.module.js';
import { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { invalidRequest } from '../problems/request-validation.js';
import {
  toApiKeyResponse,
  type ApiKeyListResponse,
  type CreateApiKeyDto,
  type ListApiKeysDto,
} from './api-keys.dto.js';

/** Operators' API keys. Everybody sees and ends their own; platform admins those of everybody. */
@Injectable()
export class ApiKeysService {
  constructor(
    private readonly apiKeys: ApiKeyRepository,
    private readonly audit: AuditRepository,
    private readonly mutations: MutationRunner,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Makes a key for the caller, who must be signed in, and shows its secret in this answer only. A key that could make keys
   * would outlive its own end, and its revocation, in one of them.
   */
  async create({ name, role, expiresAt }: CreateApiKeyDto, mutation: Mutation): Promise<Answer> {
    const { caller } = mutation;
    if (!isSignedIn(caller)) {
      throw await this.denial(mutation, role, 'sign-in-needed', 'API keys are made by operators who have logged in.');
    }
    const expiry = expiresAt == null ? null : new Date(expiresAt);
    if (expiry !== null && expiry <= this.clock.now()) {
      throw invalidRequest([{ field: 'expiresAt', message: 'must be in the future' }]);
    }
    if (!includesRole(caller.role, role)) {
      const message = `With the role ${caller.role} you cannot give ${role}.`;
      throw await this.denial(mutation, role, 'role-insufficient', message);
    }
    const id = newId('key');
    const secret = `${apiKeyPrefix}${generateSecret()}`;
    return this.mutations.run(mutation, {
      change: async (transaction) => {
        const secretHash = sha256(secret);
        const key = await this.apiKeys.insert(
          { id, operatorId: caller.operatorId, name: name.trim(), role, secretHash, expiresAt: expiry },
          transaction,
        );
        const body = toApiKeyResponse(key);
        return {
          answer: { status: 201, headers: { Location: `/control/v1/api-keys/${id}` }, body, secrets: { secret } },
          audit: { action: 'api-key.create', target: `api-key:${id}`, after: body },
        };
      },
    });
  }

  async list({ limit, cursor }: ListApiKeysDto, caller: Caller): Promise<ApiKeyListResponse> {
    const keys = await this.apiKeys.list({ operatorId: ownOnly(caller), after: cursor, limit: limit + 1 });
    const page = keys.slice(0, limit);
    return { items: page.map(toApiKeyResponse), next: keys.length > limit ? page.at(-1)!.id : null };
  }

  /** Ends a key at once. */
  revoke(id: string, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      change: async (transaction) => {
        const key = isApiKeyId(id) ? await this.apiKeys.revoke(id, ownOnly(mutation.caller), transaction) : undefined;
        if (key === undefined) throw new DomainError('not-found', 'api-key-not-found', 'There is no such API key.');
        const body = toApiKeyResponse(key);
        return {
          answer: { status: 200, body: { ...body, revokedAt: key.revokedAt?.toISOString() ?? null } },
          audit: { action: 'api-key.revoke', target: `api-key:${id}`, before: body },
        };
      },
    });
  }

  /** The error of a refused creation, once the attempt has been recorded. */
  private async denial(
    { caller, requestId }: Mutation,
    role: OperatorRole,
    outcome: string,
    message: string,
  ): Promise<DomainError> {
    await this.audit.append({
      actor: caller.actor,
      action: 'api-key.create',
      target: `role:${role}`,
      requestId,
      outcome,
    });
    return new DomainError('denied', outcome, message);
  }
}

function ownOnly(caller: Caller): OperatorId | undefined {
  return caller.role === 'platform-admin' ? undefined : caller.operatorId;
}

function isApiKeyId(id: string): boolean {
  return /^key_[0-9a-z]{26}$/.test(id);
}
