import { Inject, Injectable } from '@nestjs/common';
import { ProjectRepository, type PlacedProject } from '#control-database';
import { DomainError, type Config } from '#platform';
import { CONFIG } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { assertRevisionMatches, revisionTag } from '../mutations/entity-tag.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { decodeCursor, encodeCursor, type ListProjectsDto, type ProjectListResponse } from './dto/list-projects.dto.js';
import type { UpdateProjectDto } from './dto/update-project.dto.js';
import { changeLabels, parseLabelFilter } from './label-rules.js';
import { toProjectResponse } from './project.response.js';

/** Finds projects and changes what their operators call them. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly projects: ProjectRepository,
    private readonly mutations: MutationRunner,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  /** The project with this id (a deleted one too) or this slug; `not-found` otherwise. */
  async get(idOrSlug: string): Promise<PlacedProject> {
    const project = await this.projects.find(idOrSlug.toLowerCase());
    if (project !== undefined) return project;
    throw new DomainError('not-found', 'project-not-found', 'There is no project with this id or slug.');
  }

  /** A page of projects, the oldest first. */
  async list({ state, label, q, clusterId, limit, cursor }: ListProjectsDto): Promise<ProjectListResponse> {
    const labels = label === undefined ? undefined : parseLabelFilter(label);
    const after = decodeCursor(cursor);
    // One project more than asked for tells whether there is a next page.
    const found = await this.projects.list({ state, labels, q, clusterId, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      items: page.map((project) => toProjectResponse(project, this.config)),
      next: found.length > limit ? encodeCursor(page.at(-1)!.id) : null,
    };
  }

  /** Changes the name and labels; `revision-mismatch` when `ifMatch` names another revision than the current one. */
  update(idOrSlug: string, change: UpdateProjectDto, ifMatch: string | undefined, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<PlacedProject>(mutation, {
      prepare: () => this.get(idOrSlug),
      change: async (transaction, { id }) => {
        const project = await this.projects.getForUpdate(id, transaction);
        assertRevisionMatches(ifMatch, project.revision);
        if (project.state === 'deleted') {
          throw new DomainError('gone', 'project-deleted', `Project ${id} is deleted; nothing of it can be changed.`);
        }
        const updated = await this.projects.update(
          id,
          {
            name: change.name?.trim() ?? project.name,
            labels: changeLabels(project.labels, change.labels ?? {}),
          },
          transaction,
        );
        const before = toProjectResponse(project, this.config);
        const after = toProjectResponse(updated, this.config);
        return {
          answer: { status: 200, headers: { ETag: revisionTag(updated.revision) }, body: after },
          audit: { action: 'project.update', target: `project:${id}`, before, after },
        };
      },
    });
  }
}
