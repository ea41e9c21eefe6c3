import { ApiProperty } from '@nestjs/swagger';
import { ValidateIf } from 'class-validator';
import { FieldRuleOf, IsPlainText } from '../../requests/field-rules.js';
import { labelChangeProblem } from '../label-rules.js';

export class UpdateProjectDto {
  @ApiProperty({ required: false, example: 'Quay Clinics' })
  @ValidateIf((_, value) => value !== undefined)
  @IsPlainText(200)
  name?: string;

  @ApiProperty({
    selfRequired: false,
    type: 'object',
    description: 'Labels to set; null removes one, labels not named stay.',
    additionalProperties: { type: 'string', nullable: true },
    example: { tier: null, ring: 'canary' },
  })
  @ValidateIf((_, value) => value !== undefined)
  @FieldRuleOf('labels', labelChangeProblem)
  labels?: Record<string, string | null>;
}
