import { Inject, Injectable } from '@nestjs/common';
import { OperationRepository, ProjectRepository, SealedSecretRepository, type PlacedProject } from '#control-database';
import type { OperationKind, OperationParams } from '#operations';
import { DomainError, generateSecret, newId, sha256, type Config } from '#platform';
import { operatorName } from '../auth/caller.js';
import { CONFIG } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner, type MutationAnswer } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { ClaimableSecretStore } from '../operations/claimable-secrets.js';
import { toOperationResponse } from '../operations/operation.response.js';
import { OperationsService } from '../operations/operations.service.js';
import { toProjectResponse } from '../projects/project.response.js';
import { ProjectsService } from '../projects/projects.service.js';
import { assertReachable } from '../projects/reachable.js';
import { WakeUps } from '../projects/wake-ups.js';

interface Draft {
  project: PlacedProject;
  operationId: string;
  adminClient: { clientId: string; clientSecret: string };
}

/**
 * Gives a project's admin client a new secret. The secret is made here and a worker gets its hash; it is shown in the 200
 * of the request itself, or kept for an hour to be claimed, as that of a new project is.
 */
@Injectable()
export class AdminClientService {
  constructor(
    private readonly lookup: ProjectsService,
    private readonly projects: ProjectRepository,
    private readonly operationRows: OperationRepository,
    private readonly operations: OperationsService,
    private readonly sealedSecrets: SealedSecretRepository,
    private readonly secrets: ClaimableSecretStore,
    private readonly mutations: MutationRunner,
    private readonly wakeUps: WakeUps,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** 200 with the secret when it is in force within `waitSeconds`, else 202 with the operation to poll. */
  rotate(idOrSlug: string, waitSeconds: number, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<Draft>(mutation, {
      prepare: () => this.draft(idOrSlug),
      change: async (transaction, { project: { id }, operationId, adminClient }) => {
        const project = await this.projects.getForUpdate(id, transaction);
        assertReachable(project.state, 'get another secret');
        const params: OperationParams['project.rotate-admin-client'] = {
          adminClient: {
            clientId: adminClient.clientId,
            secretSha256: sha256(adminClient.clientSecret).toString('hex'),
          },
        };
        const kind = 'project.rotate-admin-client' satisfies OperationKind;
        const createdBy = operatorName(mutation.caller);
        const row = { id: operationId, kind, projectId: id, params, createdBy };
        const operation = await this.operationRows.create(row, transaction);
        const sealed = this.secrets.seal(operationId, { adminClient }, mutation.caller);
        await this.sealedSecrets.insert(operationId, sealed, transaction);
        return {
          answer: {
            status: 202,
            headers: { Location: `/control/v1/operations/${operationId}` },
            body: { project: toProjectResponse(project, this.config), operation: toOperationResponse(operation, []) },
            secrets: {},
          },
          audit: { action: kind, target: `project:${id}`, after: { clientId: adminClient.clientId } },
        };
      },
      complete: (accepted, draft) => this.finish(accepted, draft, waitSeconds, mutation),
      completeSeconds: waitSeconds,
    });
  }

  private async finish(
    accepted: MutationAnswer,
    { operationId }: Draft,
    waitSeconds: number,
    mutation: Mutation,
  ): Promise<MutationAnswer> {
    const wake = () => this.wakeUps.send(operationId);
    if (waitSeconds === 0) {
      await wake();
      return accepted;
    }
    const { operation, steps } = await this.operations.waitUntilFinished(operationId, waitSeconds, wake);
    const headers = { ...accepted.headers, 'Preference-Applied': `wait=${waitSeconds}` };
    const body = { ...accepted.body, operation: toOperationResponse(operation, steps) };
    // The secret is taken only for somebody who is still there to get it.
    if (operation.state !== 'succeeded' || mutation.isAbandoned()) {
      return { ...accepted, headers, body };
    }
    return {
      status: 200,
      headers,
      body,
      secrets: await this.secrets.take(operationId, mutation.caller, 'adminClient'),
    };
  }

  private async draft(idOrSlug: string): Promise<Draft> {
    const project = await this.lookup.get(idOrSlug);
    assertReachable(project.state, 'get another secret');
    const kind = 'project.create' satisfies OperationKind;
    const created = (await this.operationRows.findParams(project.id, kind)) as
      Partial<OperationParams['project.create']> | undefined;
    if (created?.adminClient === undefined) {
      throw new DomainError('conflict', 'no-admin-client', `Project ${project.id} was made without an admin client.`);
    }
    const { clientId } = created.adminClient;
    return { project, operationId: newId('op'), adminClient: { clientId, clientSecret: generateSecret() } };
  }
}
