import { Inject, Injectable } from '@nestjs/common';
import {
  ClusterRepository,
  contractRefusal,
  FleetRepository,
  RolloutProjectsRepository,
  type RolloutPlan,
} from '#control-database';
import { DomainError, type Clock } from '#platform';
import { stepForecast, type SchemaStep } from '#tenant-schema';
import { CLOCK, SCHEMA_STEPS } from '../environment/environment.module.js';
import { countStates } from './progress-figures.js';
import {
  crampedClusters,
  emptyWaves,
  forecastRollout,
  type Forecast,
  type ForecastProject,
} from './rollout-forecast.js';
import type { RolloutForecastResponse } from './rollout-forecast.response.js';
import { toPlanResponse } from './rollout-plan.response.js';

const projectsShown = 20;
const skippedShown = 100;

/** Tells what rollouts would do, from the control database and this release's migrations; no tenant database is asked. */
@Injectable()
export class RolloutForecasts {
  constructor(
    private readonly fleet: FleetRepository,
    private readonly projects: RolloutProjectsRepository,
    private readonly clusters: ClusterRepository,
    @Inject(SCHEMA_STEPS) private readonly steps: readonly SchemaStep[],
    @Inject(CLOCK) private readonly clock: Clock,
  ) {}

  /** The newest schema that this release knows. */
  get newestSchema(): number {
    return this.steps.length;
  }

  /**
   * Checks that a rollout may go to this schema: this release knows it (`unsupported-schema`), and each contract step on
   * the way finds every project at the schema before it (`contract-too-early`), since an older release may still use what
   * the step takes away.
   */
  async assertPossible(target: number): Promise<void> {
    if (target > this.newestSchema) {
      throw new DomainError(
        'unprocessable',
        'unsupported-schema',
        `This release knows schemas up to ${this.newestSchema}. Roll out to ${target} with the release that has it.`,
        { details: { newest: this.newestSchema } },
      );
    }
    const refusal = await contractRefusal(this.projects, this.steps, 0, target);
    if (refusal === undefined) return;
    const { code, message, ...details } = refusal;
    throw new DomainError('conflict', code, message, { details });
  }

  /** What its operator should know of such a rollout. */
  async notes(plan: RolloutPlan, target: number): Promise<string[]> {
    return this.notesOn(await this.forecast(plan, target), plan);
  }

  private async notesOn(forecast: Forecast, plan: RolloutPlan): Promise<string[]> {
    return [...emptyWaves(forecast), ...crampedClusters(forecast, plan, await this.clusters.list())];
  }

  /** What a rollout would do if it began now. */
  async forecast(plan: RolloutPlan, target: number): Promise<Forecast> {
    return forecastRollout(plan, target, await this.fleet.listCandidates(), this.clock.now());
  }

  /** The whole answer of a dry run. */
  async describe(plan: RolloutPlan, target: number): Promise<RolloutForecastResponse> {
    const forecast = await this.forecast(plan, target);
    const { waves, skipped } = forecast;
    const pending = waves.flatMap((wave) => wave.pending);
    return {
      dryRun: true,
      target,
      plan: toPlanResponse(plan),
      notes: await this.notesOn(forecast, plan),
      counts: countStates(waves.flatMap(({ counts }) => asCounts(counts))),
      waves: waves.map(({ selector, counts, pending: ofWave, verifies, waits }, position) => ({
        position,
        selector,
        counts,
        verifies,
        waits,
        projects: ofWave.slice(0, projectsShown).map(toPendingProject),
      })),
      skipped: skipped.slice(0, skippedShown).map(({ candidate, admission }) => ({
        project: candidate.projectId,
        slug: candidate.slug,
        reason: admission.verdict === 'skip' ? admission.reason : '',
      })),
      migrations: await this.describeMigrations(pending, target),
    };
  }

  private async describeMigrations(
    pending: readonly ForecastProject[],
    target: number,
  ): Promise<RolloutForecastResponse['migrations']> {
    const described: RolloutForecastResponse['migrations'] = [];
    for (const step of this.steps.slice(0, target)) {
      const databases = pending.filter(({ candidate }) => (candidate.schemaVersion ?? 0) < step.version).length;
      if (databases === 0) continue;
      const { version, name, phase, transactional, statementTimeoutMs, backfill } = step;
      described.push({
        ...{ version, name, phase, transactional, statementTimeoutMs, backfill: backfill !== undefined, databases },
        ...(await forecastLocks(step)),
      });
    }
    return described;
  }
}

/** A text that is no SQL would fail in every database; the dry run is the place to say so, not a reason to give none. */
async function forecastLocks({
  statements,
}: SchemaStep): Promise<Pick<RolloutForecastResponse['migrations'][number], 'statements' | 'problem'>> {
  try {
    return { statements: (await stepForecast(statements)).map((statement) => ({ ...statement })), problem: null };
  } catch (error) {
    return {
      statements: statements.map((text, index) => ({ number: index + 1, text, locks: null })),
      problem: error instanceof Error ? error.message : String(error),
    };
  }
}

function asCounts(counts: Forecast['waves'][number]['counts']) {
  return (Object.keys(counts) as (keyof typeof counts)[]).map((state) => ({ state, projects: counts[state] }));
}

function toPendingProject({ candidate, admission }: ForecastProject) {
  return {
    project: candidate.projectId,
    slug: candidate.slug,
    fromVersion: candidate.schemaVersion,
    waitsFor: admission.verdict === 'wait' ? admission.for : null,
    dueAt: admission.verdict === 'wait' ? admission.until.toISOString() : null,
  };
}
