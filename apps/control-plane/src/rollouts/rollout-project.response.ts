import { ApiProperty } from '@nestjs/swagger';
import type { BackfillState, RolloutProjectRow, RolloutProjectState, WaitsFor } from '#control-database';
import type { SchemaStep } from '#tenant-schema';
import { rolloutProjectStates } from './dto/list-rollouts.dto.js';
import { ProjectErrorResponse, toProjectError } from './rollout-failure.response.js';

class BackfillResponse {
  @ApiProperty({ enum: ['none', 'pending', 'done', 'failed'], example: 'done' }) state: BackfillState;
  @ApiProperty({ description: 'Rows that were worked on.', example: 12000 }) rows: number;
}

export class RolloutProjectResponse {
  @ApiProperty({ format: 'uuid', example: '01a1fc68-4f3b-7707-ba7e-dcab7dda5d37' }) project: string;
  @ApiProperty({ example: 'quay-clinic' }) slug: string;
  @ApiProperty({ example: 'cl_01m7y6gksvqh7cs3hjj1j2ssts' }) clusterId: string;
  @ApiProperty({ example: 0 }) wave: number;
  @ApiProperty({ enum: rolloutProjectStates, example: 'done' }) state: RolloutProjectState;
  @ApiProperty({ example: 1 }) attempts: number;
  @ApiProperty({ nullable: true, type: Number, example: 42 }) fromVersion: number | null;
  @ApiProperty({ nullable: true, type: Number, example: 43 }) toVersion: number | null;
  @ApiProperty({
    nullable: true,
    type: Number,
    description:
      'What was found in its database, when that was looked into though it was thought to have the schema, or was behind what was thought.',
    example: null,
  })
  foundVersion: number | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:07:00.000Z' }) startedAt:
    string | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: '2026-11-21T09:07:00.000Z' }) finishedAt:
    string | null;
  @ApiProperty({ nullable: true, type: Number, example: 38 }) durationMs: number | null;
  @ApiProperty({
    nullable: true,
    type: ProjectErrorResponse,
    description: 'Of a pending project: why its last try failed.',
  })
  error: ProjectErrorResponse | null;
  @ApiProperty({ nullable: true, type: String, description: 'Failures of one kind share it.', example: '9f2c41aa' })
  errorFingerprint: string | null;
  @ApiProperty({
    nullable: true,
    type: String,
    description: 'Why it is left out; of a project that is done: why its failed backfill is.',
    example: 'Pinned to schema 42: under audit',
  })
  skipReason: string | null;
  @ApiProperty({
    nullable: true,
    enum: ['retry', 'server', 'window', 'operation'],
    description:
      'Why it has to wait: for another try, for the server of its database, for its maintenance window or for an operation; of a project that is done: why its backfill has to.',
    example: null,
  })
  waitsFor: WaitsFor | null;
  @ApiProperty({
    format: 'date-time',
    nullable: true,
    type: String,
    description: 'Not before this moment.',
    example: '2026-11-21T09:07:00.000Z',
  })
  dueAt: string | null;
  @ApiProperty({ type: BackfillResponse }) backfill: BackfillResponse;
}

export class RolloutProjectListResponse {
  @ApiProperty({ type: [RolloutProjectResponse] }) items: RolloutProjectResponse[];
  @ApiProperty({ nullable: true, type: String, description: 'The cursor of the next page.', example: null })
  next: string | null;
}

export function toRolloutProjectResponse(row: RolloutProjectRow, steps: readonly SchemaStep[]): RolloutProjectResponse {
  const { projectId, slug, clusterId, wave, state, attempts, fromVersion, toVersion, foundVersion, durationMs } = row;
  return {
    project: projectId,
    slug,
    clusterId,
    wave,
    state,
    attempts,
    fromVersion,
    toVersion,
    foundVersion,
    startedAt: row.startedAt?.toISOString() ?? null,
    finishedAt: row.finishedAt?.toISOString() ?? null,
    durationMs,
    error: toProjectError(row.error, steps),
    errorFingerprint: row.errorFingerprint,
    skipReason: row.skipReason,
    waitsFor: row.waitsFor,
    dueAt: row.dueAt?.toISOString() ?? null,
    backfill: { state: row.backfill, rows: Number(row.backfillRows) },
  };
}
