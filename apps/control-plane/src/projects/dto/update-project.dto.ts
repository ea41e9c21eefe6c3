import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsObject, ValidateIf, ValidateNested } from 'class-validator';
import { FieldRuleOf, IsPlainText } from '../../requests/field-rules.js';
import { labelChangeProblem } from '../label-rules.js';
import { slugProblem } from '../slug-rules.js';
import { MaintenanceWindowDto, SchemaPinDto } from './rollout-terms.dto.js';

export class RenameProjectDto {
  @ApiProperty({ description: 'As for a new project.', example: 'quay-group' })
  @FieldRuleOf('slug', slugProblem)
  slug: string;
}

export class UpdateProjectDto {
  @ApiProperty({
    required: false,
    description: 'Another slug. The former one goes on serving the project for 90 days, with `Deprecation`.',
    example: 'quay-group',
  })
  @ValidateIf((_, value) => value !== undefined)
  @FieldRuleOf('slug', slugProblem)
  slug?: string;

  @ApiProperty({ required: false, example: 'Quay Clinics' })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText(200)
  name?: string;

  @ApiProperty({
    selfRequired: false,
    type: 'object',
    description: 'Labels to set; null removes one, labels not named stay. At most 64 in all.',
    additionalProperties: { type: 'string', nullable: true },
    example: { tier: null, ring: 'canary' },
  })
  @ValidateIf((_, value) => value !== undefined)
  @FieldRuleOf('labels', labelChangeProblem)
  labels?: Record<string, string | null>;

  @ApiProperty({
    required: false,
    nullable: true,
    type: SchemaPinDto,
    description: 'Keeps the project at its schema; null takes the pin away.',
  })
  @ValidateIf((_, value) => value != null)
  @IsObject({ message: 'must be an object or null' })
  @ValidateNested()
  @Type(() => SchemaPinDto)
  schemaPin?: SchemaPinDto | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: MaintenanceWindowDto,
    description: 'When rollouts may work on the project, in UTC; null means at any time.',
  })
  @ValidateIf((_, value) => value != null)
  @IsObject({ message: 'must be an object or null' })
  @ValidateNested()
  @Type(() => MaintenanceWindowDto)
  maintenanceWindow?: MaintenanceWindowDto | null;
}
