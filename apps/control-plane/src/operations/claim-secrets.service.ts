import { Injectable } from '@nestjs/common';
import type { Operation, OperationId } from '#control-database';
import { DomainError } from '#platform';
import { type Caller, includesRole, operatorName } from '../auth/caller.js';
import { DeniedAttempts } from '../auth/denied-attempts.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { ClaimableSecretStore } from './claimable-secrets.js';
import { OperationsService } from './operations.service.js';

/**
 * Shows the secrets that an operation has left, to its creator, once. The secret of an admin client that was not made with
 * the project is a way into data that are there already: a lesser API key of its creator does not get it.
 */
@Injectable()
export class ClaimSecretsService {
  constructor(
    private readonly operations: OperationsService,
    private readonly secrets: ClaimableSecretStore,
    private readonly deniedAttempts: DeniedAttempts,
    private readonly mutations: MutationRunner,
  ) {}

  claim(operationId: OperationId, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: () => this.getClaimable(operationId, mutation),
      change: async (transaction, operation) => {
        const secrets = await this.secrets.take(operation.id, mutation.caller, undefined, transaction);
        if (Object.keys(secrets).length === 0) {
          throw new DomainError(
            'gone',
            'secrets-claimed',
            'These secrets were claimed already, or their hour is over.',
          );
        }
        return {
          answer: { status: 200, body: { operation: operation.id, project: operation.projectId }, secrets },
          audit: { action: 'operation.claim-secrets', target: `operation:${operation.id}` },
        };
      },
    });
  }

  private async getClaimable(operationId: OperationId, mutation: Mutation): Promise<Operation> {
    const operation = await this.operations.get(operationId);
    const refusal = refusalOf(operation, mutation.caller);
    if (refusal !== undefined) {
      const { caller, requestId, address } = mutation;
      await this.deniedAttempts.record({
        actor: caller.actor,
        action: 'operation.claim-secrets',
        target: `operation:${operation.id}`,
        outcome: refusal.code,
        requestId,
        address,
      });
      throw new DomainError('denied', refusal.code, refusal.message);
    }
    if (operation.state !== 'succeeded') {
      throw new DomainError(
        'conflict',
        'operation-not-succeeded',
        `Operation ${operation.id} is ${operation.state}; its secrets can be claimed once it has succeeded.`,
        { retryAfterSeconds: 5 },
      );
    }
    return operation;
  }
}

/** Why the caller may not have the operation's secrets; undefined when they may. */
function refusalOf(
  { createdBy, kind }: Operation,
  caller: Caller,
): { readonly code: string; readonly message: string } | undefined {
  if (createdBy !== operatorName(caller)) {
    return { code: 'not-the-creator', message: 'Only who asked for the operation may claim its secrets.' };
  }
  if (kind !== 'project.rotate-admin-client' || includesRole(caller.role, 'platform-admin')) return undefined;
  return {
    code: 'role-insufficient',
    message: `The secret of an admin client needs the role platform-admin; yours is ${caller.role}.`,
  };
}
