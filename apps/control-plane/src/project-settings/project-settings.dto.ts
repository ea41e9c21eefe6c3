import { ApiProperty } from '@nestjs/swagger';
import { IsBoolean, IsIn, IsInt, Max, Min, ValidateIf } from 'class-validator';
import { OperationResponse } from '../operations/operation.response.js';
import { ProjectResponse } from '../projects/project.response.js';
import { FieldRuleOf } from '../requests/field-rules.js';

const validationLevels = ['structure', 'invariants'] as const;
/** As the tenant database has it: less would hide from people what was done to them a moment ago. */
const retentionDays = { least: 30, most: 36_500 };
const maxFeatures = 64;

const IsGiven = () => ValidateIf((_, value) => value != null);

function featuresProblem(value: unknown): string | undefined {
  const isName = (name: unknown) => typeof name === 'string' && /^[a-z0-9][a-z0-9-]{0,63}$/i.test(name);
  if (!Array.isArray(value) || !value.every(isName)) return 'must be a list of names of letters, digits and hyphens';
  if (value.length > maxFeatures) return `must be at most ${maxFeatures} names`;
  return new Set(value).size === value.length ? undefined : 'must have each name once';
}

const strictModeText =
  'Whether resources must be what their definitions say; without it, their form alone is checked. `true` in a new project.';
const validationLevelText =
  'How far a strict project checks resources: by their form (`structure`), or also by invariants and required bindings (`invariants`, as in a new project).';
const featuresText = 'Names that apps and later releases of the platform go by. None in a new project.';
const auditRetentionText =
  'For how many days the audit is kept at least; what is older is removed. `null`, as in a new project: for ever.';

export class UpdateProjectSettingsDto {
  @ApiProperty({ required: false, nullable: true, type: Boolean, description: strictModeText, example: true })
  @IsGiven()
  @IsBoolean({ message: 'must be true, false or null' })
  strictMode?: boolean | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: String,
    enum: validationLevels,
    description: validationLevelText,
    example: 'structure',
  })
  @IsGiven()
  @IsIn(validationLevels, { message: `must be one of ${validationLevels.join(', ')}, or null` })
  validationLevel?: (typeof validationLevels)[number] | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: [String],
    maxItems: maxFeatures,
    description: featuresText,
    example: ['email', 'websocket-subscriptions'],
  })
  @IsGiven()
  @FieldRuleOf('features', featuresProblem)
  features?: string[] | null;

  @ApiProperty({
    required: false,
    nullable: true,
    type: Number,
    minimum: retentionDays.least,
    maximum: retentionDays.most,
    description: auditRetentionText,
    example: 365,
  })
  @IsGiven()
  @IsInt({ message: 'must be a whole number of days, or null' })
  @Min(retentionDays.least, { message: `must be at least ${retentionDays.least}` })
  @Max(retentionDays.most, { message: `must be at most ${retentionDays.most}` })
  auditRetentionDays?: number | null;
}

export class ProjectSettingsResponse {
  @ApiProperty({ description: strictModeText, example: true }) strictMode: boolean;
  @ApiProperty({ enum: validationLevels, description: validationLevelText, example: 'invariants' })
  validationLevel: (typeof validationLevels)[number];
  @ApiProperty({ type: [String], description: featuresText, example: ['email'] }) features: readonly string[];
  @ApiProperty({ nullable: true, type: Number, description: auditRetentionText, example: 365 })
  auditRetentionDays: number | null;
}

export class ChangedProjectSettingsResponse {
  @ApiProperty({ type: ProjectResponse }) project: ProjectResponse;
  @ApiProperty({ type: ProjectSettingsResponse, description: 'In force when the operation has succeeded.' })
  settings: ProjectSettingsResponse;
  @ApiProperty({ type: OperationResponse }) operation: OperationResponse;
}
