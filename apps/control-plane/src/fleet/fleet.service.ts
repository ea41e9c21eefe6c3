import { Inject, Injectable } from '@nestjs/common';
import { FleetRepository } from '#control-database';
import type { SchemaStep } from '#tenant-schema';
import { SCHEMA_STEPS } from '../environment/environment.module.js';
import type { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { decodeCursor, encodeCursor } from '../projects/dto/list-projects.dto.js';
import type { ListByProjectDto } from '../rollouts/dto/list-rollouts.dto.js';
import { ProjectNames } from '../rollouts/project-names.js';
import type { CheckDriftDto, FleetDriftResponse, FleetVersionsResponse } from './fleet.responses.js';

/** Which schema the tenant databases have: as recorded, and as a worker finds it when it looks. */
@Injectable()
export class FleetService {
  constructor(
    private readonly fleet: FleetRepository,
    private readonly names: ProjectNames,
    private readonly mutations: MutationRunner,
    @Inject(SCHEMA_STEPS) private readonly steps: readonly SchemaStep[],
  ) {}

  async versions(): Promise<FleetVersionsResponse> {
    const { target, versions } = await this.fleet.countVersions();
    const below = versions.filter(({ version }) => target !== null && version < target);
    return {
      target,
      newest: this.steps.length,
      behind: below.reduce((sum, { projects }) => sum + projects, 0),
      versions: versions.map((count) => ({ ...count, name: this.steps[count.version - 1]?.name ?? null })),
    };
  }

  /** Asks a worker to look into the databases of all projects, or of those named. */
  checkDrift({ projects }: CheckDriftDto, mutation: Mutation): Promise<Answer> {
    return this.mutations.run(mutation, {
      prepare: async () =>
        projects === undefined ? undefined : [...new Set((await this.names.resolve({ projects })).values())],
      change: async (transaction, ids: string[] | undefined) => {
        const body = { projects: await this.fleet.requestChecks(ids, transaction) };
        return {
          answer: { status: 202, headers: { Location: '/control/v1/fleet/drift' }, body },
          audit: { action: 'fleet.check-drift', target: 'fleet', after: { projects: ids ?? 'all' } },
        };
      },
    });
  }

  /** What the last look found, with a page of the databases that are not as they should be. */
  async drift({ limit, cursor }: ListByProjectDto): Promise<FleetDriftResponse> {
    const { requestedAt, checkedAt, ...counts } = await this.fleet.summariseChecks();
    const found = await this.fleet.listDrift({ after: decodeCursor(cursor), limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      requestedAt: requestedAt?.toISOString() ?? null,
      checkedAt: checkedAt?.toISOString() ?? null,
      counts,
      items: page.map(({ projectId, slug, schemaVersion, fingerprint, differences, error, ...check }) => ({
        ...{ project: projectId, slug, schemaVersion, fingerprint, differences, error },
        // Only what was looked into is listed.
        checkedAt: check.checkedAt!.toISOString(),
      })),
      next: found.length > limit ? encodeCursor(page.at(-1)!.projectId) : null,
    };
  }
}
