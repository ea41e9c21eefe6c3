import type { RolloutPlan, WaveSelector } from '#control-database';
import { parseDuration } from '../requests/duration.js';
import type { AbortOnDto, CreateRolloutDto } from './dto/create-rollout.dto.js';
import type { WaveSelectorDto } from './dto/wave-selector.dto.js';

/** Two projects in a hundred before anybody else, then eight more. */
const defaultWaves: readonly WaveSelector[] = [{ percent: 2 }, { percent: 10 }, { percent: 100 }];

/** As good as no limit: there are never so many projects. */
const unlimited = 1_000_000_000;

/**
 * The plan that a checked request asks for, with the defaults filled in. `projectIds` gives the ids of the projects that
 * the request names.
 */
export function requestedPlan(request: CreateRolloutDto, projectIds: ReadonlyMap<string, string>): RolloutPlan {
  const { parallel = 4, abortOn = {}, health = {} } = request;
  return {
    waves: request.waves?.map((wave) => selectorOf(wave, projectIds)) ?? defaultWaves,
    parallel,
    parallelPerCluster: Math.min(request.parallelPerCluster ?? parallel, parallel),
    pauseBetweenWavesMs: parseDuration(request.pauseBetweenWaves ?? 'PT0S')!,
    attempts: request.attempts ?? 5,
    budget: {
      ...failureBudget(abortOn),
      errorRateIncreasePct: abortOn.errorRateIncreasePct ?? 50,
      p95IncreasePct: abortOn.p95IncreasePct ?? 50,
    },
    onExceeded: request.onExceeded ?? 'pause',
    verify: request.verify ?? false,
    health: {
      windowMs: parseDuration(health.window ?? 'PT1M')!,
      minRequests: health.minRequests ?? 50,
      smokeProjects: health.smokeProjects ?? 3,
    },
  };
}

/**
 * The request names the failure that stops a wave, the plan what a wave may still have: one less. Who gives only a share
 * means the share; who gives neither is stopped by the first failure.
 */
function failureBudget({
  failedProjects,
  failedPercent,
}: AbortOnDto): Pick<RolloutPlan['budget'], 'failedProjects' | 'failedPercent'> {
  const stopsAt = failedProjects ?? (failedPercent === undefined ? 1 : unlimited + 1);
  return { failedProjects: stopsAt - 1, failedPercent: failedPercent ?? 100 };
}

/** The number of failed projects of a wave that stops it; null when only their share counts. */
export function stoppingFailures({ failedProjects }: RolloutPlan['budget']): number | null {
  return failedProjects >= unlimited ? null : failedProjects + 1;
}

function selectorOf(wave: WaveSelectorDto, projectIds: ReadonlyMap<string, string>): WaveSelector {
  const { label, percent, cluster, region, projects } = wave;
  if (label !== undefined) return { label };
  if (percent !== undefined) return { percent };
  if (cluster !== undefined) return { cluster };
  if (region !== undefined) return { region };
  return { projects: [...new Set(projects?.map((name) => projectIds.get(name)!))] };
}
