import { Inject, Injectable } from '@nestjs/common';
import {
  durationBoundsMs,
  RolloutProgressRepository,
  RolloutRequestRepository,
  type RequestedRollout,
  type RolloutId,
  type RolloutProgress,
} from '#control-database';
import { DomainError, newId } from '#platform';
import type { SchemaStep } from '#tenant-schema';
import { operatorName } from '../auth/caller.js';
import { SCHEMA_STEPS } from '../environment/environment.module.js';
import { Answer } from '../mutations/answer.js';
import { MutationRunner } from '../mutations/mutation-runner.js';
import type { Mutation } from '../mutations/mutation.js';
import { decodeCursor, encodeCursor } from '../projects/dto/list-projects.dto.js';
import type { CreateRolloutDto } from './dto/create-rollout.dto.js';
import type { ListRolloutProjectsDto, ListRolloutsDto } from './dto/list-rollouts.dto.js';
import { countBackfills, countStates, estimateEnd, ratePerMinute } from './progress-figures.js';
import { ProjectNames } from './project-names.js';
import { requestedPlan } from './requested-plan.js';
import { toFailureResponse } from './rollout-failure.response.js';
import { RolloutForecasts } from './rollout-forecasts.js';
import { toPlanResponse } from './rollout-plan.response.js';
import { toRolloutProjectResponse, type RolloutProjectListResponse } from './rollout-project.response.js';
import {
  toRolloutSummary,
  type RolloutListResponse,
  type RolloutResponse,
  type WaveResponse,
} from './rollout.response.js';

/** Plans rollouts and tells how far they are. */
@Injectable()
export class RolloutsService {
  constructor(
    private readonly rollouts: RolloutRequestRepository,
    private readonly progress: RolloutProgressRepository,
    private readonly forecasts: RolloutForecasts,
    private readonly names: ProjectNames,
    private readonly mutations: MutationRunner,
    @Inject(SCHEMA_STEPS) private readonly steps: readonly SchemaStep[],
  ) {}

  /** 202 with the planned rollout; with `dryRun` 200 with what it would do, and nothing is written. */
  async create(request: CreateRolloutDto, mutation: Mutation): Promise<Answer> {
    const target = request.target ?? this.forecasts.newestSchema;
    const plan = async () => {
      const ids = await this.names.resolve(namedProjects(request));
      await this.forecasts.assertPossible(target);
      return requestedPlan(request, ids);
    };
    if (request.dryRun === true) return new Answer(200, await this.forecasts.describe(await plan(), target));
    return this.mutations.run(mutation, {
      prepare: async () => {
        const prepared = await plan();
        return { prepared, notes: await this.forecasts.notes(prepared, target) };
      },
      change: async (transaction, { prepared, notes }) => {
        const rollout = await this.rollouts.insert(
          { id: newId('rol'), targetVersion: target, plan: prepared, createdBy: operatorName(mutation.caller) },
          transaction,
        );
        const body = { ...toRolloutSummary(rollout), plan: toPlanResponse(prepared), notes };
        return {
          answer: { status: 202, headers: { Location: `/control/v1/rollouts/${rollout.id}` }, body },
          audit: { action: 'rollout.create', target: `rollout:${rollout.id}`, after: body },
        };
      },
    });
  }

  /** The rollout without its progress, or a `not-found` error. */
  async get(id: RolloutId): Promise<RequestedRollout> {
    assertForm(id);
    return this.rollouts.get(id);
  }

  /** The rollout with all that came of it so far. */
  async describe(id: RolloutId): Promise<RolloutResponse> {
    const rollout = await this.get(id);
    const progress = await this.progress.read(id);
    const waves = progress.waves.length === 0 ? await this.wavesToCome(rollout) : wavesOf(progress);
    const { durations, slowest, failures, waiting, verified } = progress;
    return {
      ...toRolloutSummary(rollout),
      plan: toPlanResponse(rollout.plan),
      waves,
      counts: countStates(progress.counts),
      verified,
      waiting: { projects: waiting.projects, until: instant(waiting.until) },
      backfills: countBackfills(progress.counts),
      ratePerMinute: ratePerMinute(progress),
      eta: estimateEnd(rollout, progress)?.toISOString() ?? null,
      durations: {
        ...{ p50: durations.p50, p95: durations.p95, max: durations.max },
        histogram: durations.counts.map((projects, index) => ({ upToMs: durationBoundsMs[index] ?? null, projects })),
      },
      slowest,
      failures: failures.map((group) => toFailureResponse(group, this.steps)),
    };
  }

  /** A page of rollouts, the newest first. */
  async list({ state, limit, cursor }: ListRolloutsDto): Promise<RolloutListResponse> {
    // One more than asked for tells whether there is a next page.
    const found = await this.rollouts.list({ state, before: cursor, limit: limit + 1 });
    const page = found.slice(0, limit);
    const counts = await this.progress.countProjects(page.map(({ id }) => id));
    return {
      items: page.map((rollout) => ({
        ...toRolloutSummary(rollout),
        counts: countStates(counts.filter(({ rolloutId }) => rolloutId === rollout.id)),
      })),
      next: found.length > limit ? page.at(-1)!.id : null,
    };
  }

  /** A page of a rollout's projects. There are none before the rollout has begun. */
  async listProjects(id: RolloutId, query: ListRolloutProjectsDto): Promise<RolloutProjectListResponse> {
    await this.get(id);
    const { state, wave, limit, cursor } = query;
    const after = decodeCursor(cursor);
    const found = await this.progress.listProjects(id, { state, wave, after, limit: limit + 1 });
    const page = found.slice(0, limit);
    return {
      items: page.map((row) => toRolloutProjectResponse(row, this.steps)),
      next: found.length > limit ? encodeCursor(page.at(-1)!.projectId) : null,
    };
  }

  /** The waves as they would be now: a rollout has none of its own until a worker begins it. */
  private async wavesToCome({ state, plan, targetVersion }: RequestedRollout): Promise<WaveResponse[]> {
    if (state === 'aborted') return [];
    const { waves } = await this.forecasts.forecast(plan, targetVersion);
    return waves.map(({ selector, counts }, position) => ({
      ...{ position, selector, state: 'pending' as const, counts, health: null },
      ...{ startedAt: null, settledAt: null, finishedAt: null },
    }));
  }
}

function namedProjects({ waves = [] }: CreateRolloutDto): Record<string, readonly string[]> {
  return Object.fromEntries(waves.map(({ projects = [] }, index) => [`waves.${index}.projects`, projects]));
}

function wavesOf({ waves, counts }: RolloutProgress): WaveResponse[] {
  return waves.map(({ position, selector, state, health, startedAt, settledAt, finishedAt }) => ({
    position,
    selector,
    state,
    counts: countStates(counts.filter(({ wave }) => wave === position)),
    health,
    startedAt: instant(startedAt),
    settledAt: instant(settledAt),
    finishedAt: instant(finishedAt),
  }));
}

function instant(text: string | null): string | null {
  return text === null ? null : new Date(text).toISOString();
}

function assertForm(id: RolloutId): void {
  if (!/^rol_[0-9a-z]{26}$/.test(id)) {
    throw new DomainError('not-found', 'rollout-not-found', 'There is no such rollout.');
  }
}
