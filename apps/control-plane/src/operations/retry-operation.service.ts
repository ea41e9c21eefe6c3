import { Injectable } from '@nestjs/common';
import {
  type Operation,
  type OperationId,
  operationInProgress,
  OperationRepository,
  ProjectRepository,
} from '#control-database';
import type { OperationKind } from '#operations';
import { DomainError } from '#platform';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { WakeUps } from '../projects/wake-ups.js';
import { toOperationResponse } from './operation.response.js';
import { OperationsService } from './operations.service.js';

/** The other kinds leave their project as it was and are asked for again; a project is made only once under its slug. */
const kind: OperationKind = 'project.create';

/** Has a project made that could not be made: the same project, under the same name, with the same secrets. */
@Injectable()
export class RetryOperationService {
  constructor(
    private readonly lookup: OperationsService,
    private readonly operations: OperationRepository,
    private readonly projects: ProjectRepository,
    private readonly mutations: MutationRunner,
    private readonly wakeUps: WakeUps,
  ) {}

  retry(id: OperationId, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<Operation>(mutation, {
      prepare: () => this.lookup.get(id),
      change: async (transaction, { projectId, kind: given }) => {
        if (given !== kind || projectId === null) throw notRetryable(`An operation of the kind ${given} is`);
        const project = await this.projects.getForUpdate(projectId, transaction);
        const unfinished = await this.operations.findUnfinished(projectId, transaction);
        if (unfinished !== undefined) throw operationInProgress(projectId, unfinished);
        if (project.state !== 'failed') throw notRetryable(`The project is ${project.state}, so this is`);
        const operation = await this.operations.retry(id, transaction);
        if (operation === undefined) throw notRetryable('An operation that has not failed is');
        await this.projects.provisionAgain(projectId, transaction);
        return {
          answer: {
            status: 202,
            headers: { Location: `/control/v1/operations/${id}` },
            body: toOperationResponse(operation, []),
            secrets: {},
          },
          audit: { action: 'operation.retry', target: `operation:${id}` },
        };
      },
      complete: async (accepted) => {
        await this.wakeUps.send(id);
        return accepted;
      },
    });
  }
}

const notRetryable = (what: string): DomainError =>
  new DomainError(
    'conflict',
    'not-retryable',
    `${what} not tried again: only the creation of a project that has failed is.`,
  );
