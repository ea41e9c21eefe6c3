import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsBoolean, IsIn, IsInt, IsNumber, IsObject, Max, Min, ValidateIf, ValidateNested } from 'class-validator';
import { IsDuration } from '../../requests/duration.js';
import { FieldRuleOf } from '../../requests/field-rules.js';
import { WaveSelectorDto } from './wave-selector.dto.js';

const IfGiven = () => ValidateIf((_, value) => value !== undefined);

/** A whole number in these bounds. */
function IsCount(least: number, most: number): PropertyDecorator {
  return (target, property) => {
    IfGiven()(target, property);
    IsInt({ message: 'must be a whole number' })(target, property);
    Min(least, { message: `must be at least ${least}` })(target, property);
    Max(most, { message: `must be at most ${most}` })(target, property);
  };
}

function IsPercentage(most: number): PropertyDecorator {
  return (target, property) => {
    IfGiven()(target, property);
    IsNumber({ allowNaN: false, allowInfinity: false }, { message: 'must be a number' })(target, property);
    Min(0, { message: 'must be at least 0' })(target, property);
    Max(most, { message: `must be at most ${most}` })(target, property);
  };
}

const mostWaves = 50;

const AreWaves = () =>
  FieldRuleOf('waves', (value) => {
    if (!Array.isArray(value) || value.length === 0) return 'must be a list of waves';
    if (value.length > mostWaves) return `must be at most ${mostWaves} waves`;
    const isObject = (wave: unknown) => typeof wave === 'object' && wave !== null && !Array.isArray(wave);
    return value.every(isObject) ? undefined : 'must be a list of objects';
  });

export class AbortOnDto {
  @ApiProperty({
    required: false,
    minimum: 1,
    description: 'That many failed projects of a wave stop it. 1, unless `failedPercent` is given.',
    example: 1,
  })
  @IsCount(1, 1_000_000)
  failedProjects?: number;

  @ApiProperty({
    required: false,
    minimum: 0,
    maximum: 100,
    description: 'More failed projects than this share of those tried in a wave stop it.',
    example: 5,
  })
  @IsPercentage(100)
  failedPercent?: number;

  @ApiProperty({
    required: false,
    minimum: 0,
    default: 50,
    description: "How much the share of 5xx answers of the wave's projects may grow, in percent of what it was.",
    example: 50,
  })
  @IsPercentage(100_000)
  errorRateIncreasePct?: number;

  @ApiProperty({
    required: false,
    minimum: 0,
    default: 50,
    description: "How much the 95th percentile of the wave's times to answer may grow, in percent of what it was.",
    example: 50,
  })
  @IsPercentage(100_000)
  p95IncreasePct?: number;
}

export class HealthCheckDto {
  @ApiProperty({
    required: false,
    default: 'PT1M',
    description:
      'How long traffic is watched after a wave; as long before it is compared with. From `PT30S` to `PT20M`, or `PT0S`: then traffic is not judged.',
    example: 'PT5M',
  })
  @IfGiven()
  @IsDuration('PT20M', 'PT30S')
  window?: string;

  @ApiProperty({
    required: false,
    minimum: 1,
    default: 50,
    description: 'With fewer requests in either window, traffic is no evidence.',
    example: 100,
  })
  @IsCount(1, 1_000_000)
  minRequests?: number;

  @ApiProperty({
    required: false,
    minimum: 0,
    maximum: 100,
    default: 3,
    description: 'Projects of each wave that are asked whether they answer.',
    example: 3,
  })
  @IsCount(0, 100)
  smokeProjects?: number;
}

export class CreateRolloutDto {
  @ApiProperty({
    required: false,
    minimum: 1,
    description: 'The newest schema of this release by default.',
    example: 43,
  })
  @IsCount(1, 1_000_000)
  target?: number;

  @ApiProperty({
    required: false,
    type: [WaveSelectorDto],
    description:
      'In order; projects that no wave takes are a last one. Without waves: 2 percent, 10 percent, the rest.',
    example: [{ label: 'ring:canary' }, { percent: 10 }, { percent: 100 }],
  })
  @IfGiven()
  @AreWaves()
  @ValidateNested()
  @Type(() => WaveSelectorDto)
  waves?: WaveSelectorDto[];

  @ApiProperty({
    required: false,
    minimum: 1,
    maximum: 64,
    default: 4,
    description: 'Databases that are migrated at the same time.',
    example: 4,
  })
  @IsCount(1, 64)
  parallel?: number;

  @ApiProperty({
    required: false,
    minimum: 1,
    maximum: 64,
    description: 'Of those, on one cluster; `parallel` by default. Fewer where it keeps too few connections for them.',
    example: 4,
  })
  @IsCount(1, 64)
  parallelPerCluster?: number;

  @ApiProperty({
    required: false,
    default: 'PT0S',
    description: 'How long to rest after a wave that has passed, at most `P7D`.',
    example: 'PT30M',
  })
  @IfGiven()
  @IsDuration('P7D')
  pauseBetweenWaves?: string;

  @ApiProperty({
    required: false,
    minimum: 1,
    maximum: 20,
    default: 5,
    description: 'Tries for one project whose failure may pass (a lock, a lost connection), with growing pauses.',
    example: 5,
  })
  @IsCount(1, 20)
  attempts?: number;

  @ApiProperty({ required: false, type: AbortOnDto, description: 'What a wave may not come to.' })
  @IfGiven()
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => AbortOnDto)
  abortOn?: AbortOnDto;

  @ApiProperty({
    required: false,
    enum: ['pause', 'abort'],
    default: 'pause',
    description: 'What happens to the rollout when a wave comes to that.',
    example: 'pause',
  })
  @IfGiven()
  @IsIn(['pause', 'abort'], { message: 'must be pause or abort' })
  onExceeded?: 'pause' | 'abort';

  @ApiProperty({ required: false, type: HealthCheckDto })
  @IfGiven()
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => HealthCheckDto)
  health?: HealthCheckDto;

  @ApiProperty({
    required: false,
    default: false,
    description:
      'Look into every database, also into those that are thought to have the schema; what is found behind is migrated.',
    example: true,
  })
  @IfGiven()
  @IsBoolean({ message: 'must be true or false' })
  verify?: boolean;

  @ApiProperty({ required: false, default: false, description: 'Answer the plan and write nothing.', example: false })
  @IfGiven()
  @IsBoolean({ message: 'must be true or false' })
  dryRun?: boolean;
}
