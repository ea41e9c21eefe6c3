import { ApiProperty } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { IsPlainText } from '../../requests/field-rules.js';
import { AreProjectNames } from './wave-selector.dto.js';

const IfGiven = () => ValidateIf((_, value) => value !== undefined);

export class StopRolloutDto {
  @ApiProperty({ required: false, description: 'Shown to whoever asks why.', example: 'Support has too many calls.' })
  @IfGiven()
  @IsPlainText(500)
  reason?: string;
}

export class RetryRolloutDto {
  @ApiProperty({
    required: false,
    type: [String],
    description: 'Ids or slugs; without them every failed project.',
    example: ['quay-clinic'],
  })
  @IfGiven()
  @AreProjectNames()
  projects?: string[];
}

export class SkipProjectsDto {
  @ApiProperty({
    type: [String],
    description: 'Ids or slugs of projects that are pending or failed, or whose backfill has failed.',
    example: ['quay-clinic'],
  })
  @AreProjectNames()
  projects: string[];

  @ApiProperty({ description: 'Shown beside each of them.', example: 'Its data is mended first, see ticket 4711.' })
  @IsPlainText(500)
  reason: string;
}
