import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, Matches, Max, Min } from 'class-validator';
import type { RolloutProjectState, RolloutState } from '#control-database';
import { decodeCursor } from '../../projects/dto/list-projects.dto.js';
import { FieldRuleOf } from '../../requests/field-rules.js';

export const rolloutStates = [
  'planned',
  'running',
  'paused',
  'aborted',
  'succeeded',
] as const satisfies readonly RolloutState[];

export const rolloutProjectStates = [
  'pending',
  'running',
  'done',
  'failed',
  'skipped',
] as const satisfies readonly RolloutProjectState[];

class PageDto {
  @ApiProperty({ required: false, minimum: 1, maximum: 200, default: 50, example: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(200, { message: 'must be at most 200' })
  limit = 50;
}

export class ListRolloutsDto extends PageDto {
  @ApiProperty({ required: false, enum: rolloutStates, example: 'running' })
  @IsOptional()
  @IsIn(rolloutStates, { message: `must be one of ${rolloutStates.join(', ')}` })
  state?: RolloutState;

  @ApiProperty({
    required: false,
    description: '`next` of the page before, with the same filters.',
    example: 'rol_01m7y6gksvqh7cs3hjj1j2ssts',
  })
  @IsOptional()
  @Matches(/^rol_[0-9a-z]{26}$/, { message: 'is not a cursor of this list' })
  cursor?: string;
}

/** A page of a list that goes by project. */
export class ListByProjectDto extends PageDto {
  @ApiProperty({
    required: false,
    description: '`next` of the page before, with the same filters.',
    example: 'AaH8aE87dwe6ftyrfdpdNw',
  })
  @IsOptional()
  @FieldRuleOf('cursor', (value) => (decodeCursor(value) === undefined ? 'is not a cursor of this list' : undefined))
  cursor?: string;
}

export class ListRolloutProjectsDto extends ListByProjectDto {
  @ApiProperty({ required: false, enum: rolloutProjectStates, example: 'running' })
  @IsOptional()
  @IsIn(rolloutProjectStates, { message: `must be one of ${rolloutProjectStates.join(', ')}` })
  state?: RolloutProjectState;

  @ApiProperty({ required: false, minimum: 0, description: 'The position of a wave, from 0.', example: 0 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(0, { message: 'must be at least 0' })
  @Max(1_000, { message: 'must be at most 1000' })
  wave?: number;
}
