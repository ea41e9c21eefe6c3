import { Inject, Injectable } from '@nestjs/common';
import {
  OperationRepository,
  ProjectRepository,
  type OperationId,
  type ProjectId,
  type Transaction,
} from '#control-database';
import type { OperationKind } from '#operations';
import { newId, type Config } from '#platform';
import { operatorName } from '../auth/caller.js';
import { CONFIG } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner, type MutationAnswer } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { toOperationResponse } from '../operations/operation.response.js';
import { OperationsService } from '../operations/operations.service.js';
import { toProjectResponse } from '../projects/project.response.js';
import { ProjectsService } from '../projects/projects.service.js';
import { assertReachable } from '../projects/reachable.js';
import { WakeUps } from '../projects/wake-ups.js';
import { changeSettings, defaultSettings, type Settings, type SettingsChange } from './settings.js';

const kind = 'project.configure' satisfies OperationKind;

/**
 * Changes what the operator decides for a project. It stands in the project's own database, which only a worker opens: what
 * is known of it here is what the last operation that has succeeded was to write. Each one writes all of it, so that one
 * that failed half-way is made good by the next.
 */
@Injectable()
export class ProjectSettingsService {
  constructor(
    private readonly lookup: ProjectsService,
    private readonly projects: ProjectRepository,
    private readonly operationRows: OperationRepository,
    private readonly operations: OperationsService,
    private readonly mutations: MutationRunner,
    private readonly wakeUps: WakeUps,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The settings that are in force. */
  async get(idOrSlug: string): Promise<Settings> {
    return this.inForce((await this.lookup.get(idOrSlug)).id);
  }

  /** 200 when the changed settings are in force within `waitSeconds`, else 202 with the operation to poll. */
  update(idOrSlug: string, change: SettingsChange, waitSeconds: number, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<{ id: ProjectId; operationId: OperationId }>(mutation, {
      prepare: async () => ({ id: (await this.lookup.get(idOrSlug)).id, operationId: newId('op') }),
      change: async (transaction, { id, operationId }) => {
        const project = await this.projects.getForUpdate(id, transaction);
        assertReachable(project.state, 'get other settings');
        // One that is running now may be about to change what is in force.
        await this.operationRows.assertNoneUnfinished(id, transaction);
        const before = await this.inForce(id, transaction);
        const settings = changeSettings(before, change);
        const createdBy = operatorName(mutation.caller);
        const row = { id: operationId, kind, projectId: id, params: settings, createdBy };
        const operation = await this.operationRows.create(row, transaction);
        return {
          answer: {
            status: 202,
            headers: { Location: `/control/v1/operations/${operationId}` },
            body: {
              project: toProjectResponse(project, this.config),
              settings,
              operation: toOperationResponse(operation, []),
            },
          },
          audit: { action: kind, target: `project:${id}`, before, after: settings },
        };
      },
      complete: (accepted, { operationId }) => this.finish(accepted, operationId, waitSeconds),
      completeSeconds: waitSeconds,
    });
  }

  private async finish(accepted: MutationAnswer, id: OperationId, waitSeconds: number): Promise<MutationAnswer> {
    const wake = () => this.wakeUps.send(id);
    if (waitSeconds === 0) {
      await wake();
      return accepted;
    }
    const { operation, steps } = await this.operations.waitUntilFinished(id, waitSeconds, wake);
    return {
      status: operation.state === 'succeeded' ? 200 : accepted.status,
      headers: { ...accepted.headers, 'Preference-Applied': `wait=${waitSeconds}` },
      body: { ...accepted.body, operation: toOperationResponse(operation, steps) },
    };
  }

  private async inForce(id: ProjectId, transaction?: Transaction): Promise<Settings> {
    const written = (await this.operationRows.findSucceededParams(id, kind, transaction)) as
      Partial<Settings> | undefined;
    return changeSettings(defaultSettings, written ?? {});
  }
}
