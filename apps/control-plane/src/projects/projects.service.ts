import { Inject, Injectable } from '@nestjs/common';
import { ProjectRepository, schemaPinOf, type PlacedProject, type SchemaPin } from '#control-database';
import { DomainError, type Clock, type Config } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import { CLOCK, CONFIG, SCHEMA_STEPS } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { assertRevisionMatches, revisionTag } from '../mutations/entity-tag.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { decodeCursor, encodeCursor, type ListProjectsDto, type ProjectListResponse } from './dto/list-projects.dto.js';
import { invalidRequest } from '../problems/request-validation.js';
import type { UpdateProjectDto } from './dto/update-project.dto.js';
import { changeLabels, labelsProblem, parseLabelFilter } from './label-rules.js';
import { assertRenamable } from './rename-rules.js';
import { toProjectResponse } from './project.response.js';
import { requestedPin } from './schema-pin.js';

/** Finds projects and changes what their operators call them. */
@Injectable()
export class ProjectsService {
  constructor(
    private readonly projects: ProjectRepository,
    private readonly mutations: MutationRunner,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(CLOCK) private readonly clock: Clock,
    @Inject(SCHEMA_STEPS) private readonly steps: readonly SchemaStep[],
  ) {}

  /** The project with this id (a deleted one too) or this slug; `not-found` otherwise. */
  async get(idOrSlug: string): Promise<PlacedProject> {
    const project = await this.projects.find(idOrSlug.toLowerCase());
    if (project !== undefined) return project;
    throw new DomainError('not-found', 'project-not-found', 'There is no project with this id or slug.');
  }

  /** A page of projects, the oldest first. */
  async list({
    state,
    label,
    q,
    clusterId,
    schemaVersion,
    limit,
    cursor,
  }: ListProjectsDto): Promise<ProjectListResponse> {
    const labels = label === undefined ? undefined : parseLabelFilter(label);
    const after = decodeCursor(cursor);
    // One project more than asked for tells whether there is a next page.
    const found = await this.projects.list({ state, labels, q, clusterId, schemaVersion, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      items: page.map((project) => toProjectResponse(project, this.config)),
      next: found.length > limit ? encodeCursor(page.at(-1)!.id) : null,
    };
  }

  /** Changes the slug, the name and the labels; `revision-mismatch` when `ifMatch` names another revision than the current one. */
  update(idOrSlug: string, change: UpdateProjectDto, ifMatch: string | undefined, mutation: Mutation): Promise<Answer> {
    return this.mutations.run<PlacedProject>(mutation, {
      prepare: () => this.get(idOrSlug),
      change: async (transaction, { id }) => {
        const project = await this.projects.getForUpdate(id, transaction);
        assertRevisionMatches(ifMatch, project.revision);
        if (project.state === 'deleted') {
          throw new DomainError('gone', 'project-deleted', `Project ${id} is deleted; nothing of it can be changed.`);
        }
        const slug = change.slug === project.slug ? undefined : change.slug;
        if (slug !== undefined) assertRenamable(project.state);
        const labels = changeLabels(project.labels, change.labels ?? {});
        const message = labelsProblem(labels);
        if (message !== undefined) throw invalidRequest([{ field: 'labels', message }]);
        const updated = await this.projects.update(
          id,
          {
            ...(slug === undefined ? {} : { slug }),
            name: change.name?.trim() ?? project.name,
            labels,
            schemaPin: this.pinAfter(change, project),
            maintenanceWindow: windowAfter(change, project),
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

  private pinAfter({ schemaPin }: UpdateProjectDto, project: PlacedProject): SchemaPin | null {
    if (schemaPin === undefined) return schemaPinOf(project);
    return schemaPin === null ? null : requestedPin(schemaPin, project, this.steps.length, this.clock.now());
  }
}

function windowAfter(
  { maintenanceWindow }: UpdateProjectDto,
  project: PlacedProject,
): PlacedProject['maintenanceWindow'] {
  if (maintenanceWindow === undefined) return project.maintenanceWindow;
  if (maintenanceWindow === null) return null;
  const { days, from, until } = maintenanceWindow;
  return { days: days.toSorted(), from, until };
}
