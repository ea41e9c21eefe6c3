import { ApiProperty } from '@nestjs/swagger';
import type { RequestedRollout, RolloutState, WaveHealth, WaveState } from '#control-database';
import { rolloutStates } from './dto/list-rollouts.dto.js';
import type { StateCounts } from './progress-figures.js';
import { FailureResponse } from './rollout-failure.response.js';
import { RolloutPlanResponse, WaveSelectorResponse } from './rollout-plan.response.js';

const waveStates = ['pending', 'running', 'checking', 'passed', 'failed'] as const satisfies readonly WaveState[];

export class CountsResponse {
  @ApiProperty({ example: 120 }) pending: number;
  @ApiProperty({ description: 'Those that are next in line on their worker included.', example: 4 }) running: number;
  @ApiProperty({ description: 'Those that had the schema before included.', example: 14 }) done: number;
  @ApiProperty({ example: 1 }) failed: number;
  @ApiProperty({ example: 2 }) skipped: number;
}

class RolloutReasonResponse {
  @ApiProperty({ description: 'Stable and machine-readable.', example: 'requested' }) code: string;
  @ApiProperty({ example: 'Support has too many calls.' }) message: string;
}

/** A rollout without what came of its projects. */
export class RolloutSummaryResponse {
  @ApiProperty({ example: 'rol_01m7y6gksvqh7cs3hjj1j2ssts' }) id: string;
  @ApiProperty({ enum: rolloutStates, example: 'running' }) state: RolloutState;
  @ApiProperty({
    nullable: true,
    type: RolloutReasonResponse,
    description: 'Why it is paused or aborted.',
    example: null,
  })
  reason: RolloutReasonResponse | null;
  @ApiProperty({ description: 'The schema that it brings the fleet to.', example: 43 }) target: number;
  @ApiProperty({ description: 'The wave it is in, from 0; their number once all have passed.', example: 1 })
  wave: number;
  @ApiProperty({ example: 'operator:0199a0c4-5e7d-7cc3-98c4-0f2ad6d0b1aa' }) createdBy: string;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:05:00.000Z' })
  startedAt: string | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: null }) finishedAt: string | null;
}

export class PlannedRolloutResponse extends RolloutSummaryResponse {
  @ApiProperty({ type: RolloutPlanResponse }) plan: RolloutPlanResponse;
  @ApiProperty({
    type: [String],
    description: 'Of waves in which nothing would be migrated now.',
    example: ['Wave 0 takes no project, so nothing is tried in it.'],
  })
  notes: readonly string[];
}

export class ListedRolloutResponse extends RolloutSummaryResponse {
  @ApiProperty({ type: CountsResponse }) counts: StateCounts;
}

export class RolloutListResponse {
  @ApiProperty({ type: [ListedRolloutResponse] }) items: ListedRolloutResponse[];
  @ApiProperty({ nullable: true, type: String, description: 'The cursor of the next page.', example: null })
  next: string | null;
}

export class ChangedRolloutResponse extends RolloutSummaryResponse {
  @ApiProperty({ description: 'False when there was nothing left to do.', example: true }) changed: boolean;
}

export class ChangedProjectsResponse extends ChangedRolloutResponse {
  @ApiProperty({
    type: [String],
    description: 'The ids of the projects that were changed.',
    example: ['01a1fc68-4f3b-7707-ba7e-dcab7dda5d37'],
  })
  projects: readonly string[];
}

class TrafficSampleResponse {
  @ApiProperty({ example: 1200 }) requests: number;
  @ApiProperty({ description: '5xx answers.', example: 2 }) serverErrors: number;
  @ApiProperty({ nullable: true, type: Number, example: 12.5 }) p95Ms: number | null;
}

class SmokeFailureResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) projectId: string;
  @ApiProperty({ example: 'GET metadata: 503' }) message: string;
}

class SmokeResponse {
  @ApiProperty({ description: 'Projects that were asked whether they answer.', example: 3 }) asked: number;
  @ApiProperty({ type: [SmokeFailureResponse] }) failed: readonly SmokeFailureResponse[];
  @ApiProperty({ required: false, description: 'What could not be asked, and why.', example: 'no data plane is known' })
  note?: string;
}

class WaveHealthResponse {
  @ApiProperty({ type: TrafficSampleResponse, description: 'In the health window before the wave began.' })
  before: TrafficSampleResponse;
  @ApiProperty({ type: TrafficSampleResponse }) after: TrafficSampleResponse;
  @ApiProperty({ type: SmokeResponse }) smoke: SmokeResponse;
  @ApiProperty({
    required: false,
    description: 'Why traffic was not judged: there was too little.',
    example: 'Its traffic was not judged: 0 requests before it and 0 after, and 50 are needed.',
  })
  note?: string;
  @ApiProperty({ type: [String], description: 'What was exceeded; empty when the wave is healthy.', example: [] })
  exceeded: readonly string[];
}

export class WaveResponse {
  @ApiProperty({ example: 0 }) position: number;
  @ApiProperty({
    nullable: true,
    type: WaveSelectorResponse,
    description: 'Null: the projects that no other wave takes.',
    example: { label: 'ring:canary' },
  })
  selector: WaveSelectorResponse | null;
  @ApiProperty({
    enum: waveStates,
    description: 'Until a rollout has begun, its waves are those that it would have now.',
    example: 'passed',
  })
  state: WaveState;
  @ApiProperty({ type: CountsResponse }) counts: StateCounts;
  @ApiProperty({
    nullable: true,
    type: WaveHealthResponse,
    description: 'What its last judgement saw: of the wave, or of projects of it that came late.',
    example: null,
  })
  health: WaveHealth | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:07:00.000Z' }) startedAt:
    string | null;
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description:
      'When its last project was through and its health began to be watched; later ones of its projects count anew.',
    example: '2026-11-21T09:07:00.000Z',
  })
  settledAt: string | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:07:00.000Z' }) finishedAt:
    string | null;
}

class BackfillCountsResponse {
  @ApiProperty({ example: 3 }) pending: number;
  @ApiProperty({ example: 11 }) done: number;
  @ApiProperty({ example: 0 }) failed: number;
}

class VerifiedResponse {
  @ApiProperty({ example: 120 }) projects: number;
  @ApiProperty({ description: 'Of those, had an older schema than the target.', example: 1 }) behind: number;
}

class WaitingResponse {
  @ApiProperty({ description: 'Of the pending ones.', example: 5 }) projects: number;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T22:00:00.000Z' })
  until: string | null;
}

class DurationBucketResponse {
  @ApiProperty({ nullable: true, type: Number, description: 'Null for those above all others.', example: 100 })
  upToMs: number | null;
  @ApiProperty({ example: 12 }) projects: number;
}

class DurationsResponse {
  @ApiProperty({ nullable: true, type: Number, example: 38 }) p50: number | null;
  @ApiProperty({ nullable: true, type: Number, example: 120 }) p95: number | null;
  @ApiProperty({ nullable: true, type: Number, example: 410 }) max: number | null;
  @ApiProperty({ type: [DurationBucketResponse] }) histogram: DurationBucketResponse[];
}

class SlowProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ example: 410 }) durationMs: number;
}

export class RolloutResponse extends ListedRolloutResponse {
  @ApiProperty({ type: RolloutPlanResponse }) plan: RolloutPlanResponse;
  @ApiProperty({ type: [WaveResponse] }) waves: WaveResponse[];
  @ApiProperty({
    type: VerifiedResponse,
    description:
      'Databases that were looked into: with `verify` those that were thought to have the schema, and always those that were found behind what was thought.',
  })
  verified: VerifiedResponse;
  @ApiProperty({
    type: WaitingResponse,
    description: 'For their server, their maintenance window, or an operation on them.',
  })
  waiting: WaitingResponse;
  @ApiProperty({ type: BackfillCountsResponse, description: 'Data that is filled in after the migration.' })
  backfills: BackfillCountsResponse;
  @ApiProperty({
    description:
      'Projects per minute, at the pace of the last minute in which some were through; 0 when none is for a minute.',
    example: 240,
  })
  ratePerMinute: number;
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'When it will probably have ended; null when nothing can be said, as while data is still filled in.',
    example: '2026-11-21T09:07:00.000Z',
  })
  eta: string | null;
  @ApiProperty({ type: DurationsResponse, description: 'What migrations and looks took, in milliseconds.' })
  durations: DurationsResponse;
  @ApiProperty({ type: [SlowProjectResponse], description: 'The slowest 20.' })
  slowest: readonly SlowProjectResponse[];
  @ApiProperty({
    type: [FailureResponse],
    description: 'Grouped by what they have in common, the most frequent first.',
  })
  failures: FailureResponse[];
}

export function toRolloutSummary(rollout: RequestedRollout): RolloutSummaryResponse {
  const { id, state, reason, targetVersion, wave, createdBy, createdAt, startedAt, finishedAt } = rollout;
  return {
    id,
    state,
    reason,
    target: targetVersion,
    wave,
    createdBy,
    createdAt: createdAt.toISOString(),
    startedAt: startedAt?.toISOString() ?? null,
    finishedAt: finishedAt?.toISOString() ?? null,
  };
}
