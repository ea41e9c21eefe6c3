import { ApiProperty } from '@nestjs/swagger';
import { IsInt, Matches, Max, Min, ValidateIf } from 'class-validator';
import { FieldRuleOf, IsInstant, IsPlainText } from '../../requests/field-rules.js';

const timeOfDay = /^([01]\d|2[0-3]):[0-5]\d$/;
const timeProblem = { message: 'must be a time of day such as 22:00' };

/** What an operator says of a pin. */
export class SchemaPinDto {
  @ApiProperty({ minimum: 1, description: 'Rollouts beyond this schema leave the project out.', example: 42 })
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(1_000_000, { message: 'must be at most 1000000' })
  version: number;

  @ApiProperty({
    required: false,
    nullable: true,
    type: String,
    format: 'date-time',
    description: 'When it ends; without it, when it is taken away.',
    example: '2030-01-01T00:00:00Z',
  })
  @ValidateIf((_, value) => value != null)
  @IsInstant()
  until?: string | null;

  @ApiProperty({ example: 'under audit until the end of the year' })
  @IsPlainText(500)
  reason: string;
}

/** When rollouts may work on a project, in UTC. */
export class MaintenanceWindowDto {
  @ApiProperty({
    type: [Number],
    description: 'Days on which it begins, 0 (Sunday) to 6.',
    example: [6, 0],
  })
  @FieldRuleOf('weekdays', (value) => {
    const isDay = (day: unknown) => Number.isInteger(day) && Number(day) >= 0 && Number(day) <= 6;
    if (!Array.isArray(value) || value.length === 0 || !value.every(isDay)) {
      return 'must be a list of days, 0 (Sunday) to 6 (Saturday)';
    }
    return new Set(value).size === value.length ? undefined : 'must name each day once';
  })
  days: number[];

  @ApiProperty({ example: '22:00' })
  @Matches(timeOfDay, timeProblem)
  from: string;

  @ApiProperty({ description: 'On the day after, when it is not later than `from`.', example: '04:00' })
  @Matches(timeOfDay, timeProblem)
  until: string;
}
