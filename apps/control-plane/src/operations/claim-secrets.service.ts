import { Injectable } from '@nestjs/common';
import type { Operation, OperationId } from '#control-database';
import { DomainError } from '#platform';
import { operatorName } from '../auth/caller.js';
import { DeniedAttempts } from '../auth/denied-attempts.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { ClaimableSecretStore } from './claimable-secrets.js';
import { OperationsService } from './operations.service.js';

/** Shows the secrets that an operation has left, to its creator, once. */
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
    if (operation.createdBy !== operatorName(mutation.caller)) {
      const { caller, requestId, address } = mutation;
      await this.deniedAttempts.record({
        actor: caller.actor,
        action: 'operation.claim-secrets',
        target: `operation:${operation.id}`,
        outcome: 'not-the-creator',
        requestId,
        address,
      });
      throw new DomainError('denied', 'not-the-creator', 'Only who asked for the operation may claim its secrets.');
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
