import { Inject, Injectable } from '@nestjs/common';
import {
  operationInProgress,
  OperationRepository,
  ProjectRepository,
  type Operation,
  type PlacedProject,
  type Transaction,
} from '#control-database';
import type { OperationKind, OperationParams } from '#operations';
import { newId, type Clock, type Config } from '#platform';
import { operatorName } from '../auth/caller.js';
import { CLOCK, CONFIG } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { assertRevisionMatches } from '../mutations/entity-tag.js';
import { MutationRunner, type Change } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { toOperationResponse } from '../operations/operation.response.js';
import { invalidRequest } from '../problems/request-validation.js';
import { planDelete, planPurge, type Deletion } from './deletion-rules.js';
import type { DeletedProjectResponse, DeleteProjectDto, PurgeProjectDto } from './dto/delete-project.dto.js';
import { toProjectResponse } from './project.response.js';
import { ProjectsService } from './projects.service.js';
import { WakeUps } from './wake-ups.js';

const defaultRetentionDays = 30;
const dayMs = 24 * 60 * 60 * 1_000;

/** Deletes projects in two steps: first they go offline and are kept, then they are destroyed. */
@Injectable()
export class ProjectDeletionService {
  constructor(
    private readonly lookup: ProjectsService,
    private readonly projects: ProjectRepository,
    private readonly operations: OperationRepository,
    private readonly mutations: MutationRunner,
    private readonly wakeUps: WakeUps,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /**
   * Takes the project offline at once; its data is destroyed after the retention, or now when that is 0 days.
   * `revision-mismatch` when `ifMatch` names another revision than the current one.
   */
  delete(
    idOrSlug: string,
    { confirm, retentionDays = defaultRetentionDays }: DeleteProjectDto,
    ifMatch: string | undefined,
    mutation: Mutation,
  ): Promise<Answer> {
    return this.run(idOrSlug, confirm, ifMatch, mutation, (project) => ({
      deletion: planDelete(project.state, retentionDays),
      purgeAfter: new Date(this.clock.now().getTime() + retentionDays * dayMs),
    }));
  }

  /** Destroys a deleted project's data now; `revision-mismatch` as above. */
  purge(
    idOrSlug: string,
    { confirm }: PurgeProjectDto,
    ifMatch: string | undefined,
    mutation: Mutation,
  ): Promise<Answer> {
    return this.run(idOrSlug, confirm, ifMatch, mutation, (project) => ({
      deletion: planPurge(project.state),
      purgeAfter: this.clock.now(),
    }));
  }

  private run(
    idOrSlug: string,
    confirm: string,
    ifMatch: string | undefined,
    mutation: Mutation,
    plan: (project: PlacedProject) => { deletion: Deletion; purgeAfter: Date },
  ): Promise<Answer> {
    return this.mutations.run<PlacedProject>(mutation, {
      prepare: async () => {
        const project = await this.lookup.get(idOrSlug);
        if (confirm === project.slug) return project;
        throw invalidRequest([{ field: 'confirm', message: 'must be the slug of the project' }]);
      },
      change: async (transaction, { id }) => {
        const project = await this.projects.getForUpdate(id, transaction);
        assertRevisionMatches(ifMatch, project.revision);
        const unfinished = await this.operations.findUnfinished(id, transaction);
        if (unfinished !== undefined && !isDeletion(unfinished)) throw operationInProgress(id, unfinished);
        const { deletion, purgeAfter } = plan(project);
        if (deletion === 'nothing' || unfinished?.kind === 'project.purge') return this.unchanged(project, unfinished);
        return this.begin(project, deletion, purgeAfter, mutation, transaction);
      },
      complete: async (answer) => {
        const { operation, changed } = answer.body as DeletedProjectResponse;
        if (changed && operation !== null) await this.wakeUps.send(operation.id);
        return answer;
      },
    });
  }

  private unchanged(project: PlacedProject, unfinished: Operation | undefined): Change {
    const body: DeletedProjectResponse = {
      project: toProjectResponse(project, this.config),
      operation: unfinished === undefined ? null : toOperationResponse(unfinished, []),
      changed: false,
    };
    return { answer: { status: unfinished === undefined ? 200 : 202, headers: pollAt(unfinished), body } };
  }

  private async begin(
    project: PlacedProject,
    deletion: 'delete' | 'purge',
    purgeAfter: Date,
    { caller }: Mutation,
    transaction: Transaction,
  ): Promise<Change> {
    const operation = await this.operations.create(
      {
        ...toOperation(deletion, purgeAfter),
        id: newId('op'),
        projectId: project.id,
        createdBy: operatorName(caller),
      },
      transaction,
    );
    const deleting = await this.projects.markDeleting(project.id, purgeAfter, transaction);
    const before = toProjectResponse(project, this.config);
    const after = toProjectResponse(deleting, this.config);
    const body: DeletedProjectResponse = {
      project: after,
      operation: toOperationResponse(operation, []),
      changed: true,
    };
    return {
      answer: { status: 202, headers: pollAt(operation), body },
      audit: { action: operation.kind, target: `project:${project.id}`, before, after },
    };
  }
}

/** The operation that a worker runs; its parameters are those of its kind. */
function toOperation(deletion: 'delete' | 'purge', purgeAfter: Date) {
  if (deletion === 'delete') {
    const params: OperationParams['project.delete'] = { purgeAfter: purgeAfter.toISOString() };
    return { kind: 'project.delete' satisfies OperationKind, params };
  }
  const params: OperationParams['project.purge'] = {};
  return { kind: 'project.purge' satisfies OperationKind, params };
}

function isDeletion({ kind }: Operation): boolean {
  return kind === 'project.delete' || kind === 'project.purge';
}

function pollAt(operation: Operation | undefined): Record<string, string> {
  return operation === undefined ? {} : { Location: `/control/v1/operations/${operation.id}` };
}
