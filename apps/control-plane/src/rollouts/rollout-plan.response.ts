import { ApiProperty } from '@nestjs/swagger';
import type { RolloutPlan, WaveSelector } from '#control-database';
import { durationText } from '../requests/duration.js';
import { stoppingFailures } from './requested-plan.js';

export class WaveSelectorResponse {
  @ApiProperty({ required: false, example: 'ring:canary' }) label?: string;
  @ApiProperty({ required: false, example: 10 }) percent?: number;
  @ApiProperty({ required: false, example: 'default' }) cluster?: string;
  @ApiProperty({ required: false, example: 'eu-west' }) region?: string;
  @ApiProperty({ required: false, type: [String], example: ['01a1fc68-4f3b-7707-ba7e-dcab7dda5d37'] })
  projects?: readonly string[];
}

class AbortOnResponse {
  @ApiProperty({ nullable: true, type: Number, description: 'Null when only their share counts.', example: 1 })
  failedProjects: number | null;
  @ApiProperty({ example: 100 }) failedPercent: number;
  @ApiProperty({ example: 50 }) errorRateIncreasePct: number;
  @ApiProperty({ example: 50 }) p95IncreasePct: number;
}

class HealthCheckResponse {
  @ApiProperty({ example: 'PT1M' }) window: string;
  @ApiProperty({ example: 50 }) minRequests: number;
  @ApiProperty({ example: 3 }) smokeProjects: number;
}

export class RolloutPlanResponse {
  @ApiProperty({ type: [WaveSelectorResponse] }) waves: readonly WaveSelector[];
  @ApiProperty({ example: 4 }) parallel: number;
  @ApiProperty({ example: 4 }) parallelPerCluster: number;
  @ApiProperty({ example: 'PT30M' }) pauseBetweenWaves: string;
  @ApiProperty({ example: 5 }) attempts: number;
  @ApiProperty({ type: AbortOnResponse }) abortOn: AbortOnResponse;
  @ApiProperty({ enum: ['pause', 'abort'], example: 'pause' }) onExceeded: 'pause' | 'abort';
  @ApiProperty({
    description: 'Whether databases that are thought to have the schema are looked into as well.',
    example: false,
  })
  verify: boolean;
  @ApiProperty({ type: HealthCheckResponse }) health: HealthCheckResponse;
}

/** The plan in the words of the request, with every default. */
export function toPlanResponse(plan: RolloutPlan): RolloutPlanResponse {
  const { waves, parallel, parallelPerCluster, pauseBetweenWavesMs, attempts, budget, onExceeded, verify, health } =
    plan;
  const { failedPercent, errorRateIncreasePct, p95IncreasePct } = budget;
  return {
    waves,
    parallel,
    parallelPerCluster,
    pauseBetweenWaves: durationText(pauseBetweenWavesMs),
    attempts,
    abortOn: { failedProjects: stoppingFailures(budget), failedPercent, errorRateIncreasePct, p95IncreasePct },
    onExceeded,
    verify,
    health: {
      window: durationText(health.windowMs),
      minRequests: health.minRequests,
      smokeProjects: health.smokeProjects,
    },
  };
}
