import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsEmail, IsObject, IsOptional, IsString, MaxLength, ValidateNested } from 'class-validator';
import { PlacementDto } from '../../clusters/placement.js';
import { AdminClientResponse } from '../../operations/claimed-secrets.response.js';
import { OperationResponse } from '../../operations/operation.response.js';
import { FieldRuleOf, IsPlainText } from '../../requests/field-rules.js';
import { labelsProblem } from '../label-rules.js';
import { ProjectResponse } from '../project.response.js';
import { slugProblem } from '../slug-rules.js';

/** What bcrypt and most other systems can take, so that a password can be moved there. */
const passwordBytes = { least: 8, most: 72 };

export class ProjectOwnerDto {
  @ApiProperty({ example: 'ana@quay.example.org' })
  @IsEmail({}, { message: 'must be an e-mail address' })
  @MaxLength(254, { message: 'must be at most 254 characters long' })
  email: string;

  @ApiProperty({
    required: false,
    description: 'Without one, `claim-secrets` gives an invitation.',
    example: 'a-password-of-her-own',
  })
  @IsOptional()
  @FieldRuleOf('password', (value) => {
    if (typeof value !== 'string') return 'must be a text';
    const bytes = Buffer.byteLength(value);
    const { least, most } = passwordBytes;
    return bytes < least || bytes > most ? `must be ${least} to ${most} bytes long` : undefined;
  })
  password?: string;

  @ApiProperty({ required: false, example: 'Ana' })
  @IsOptional()
  @IsPlainText(100)
  firstName?: string;

  @ApiProperty({ required: false, example: 'Quay' })
  @IsOptional()
  @IsPlainText(100)
  lastName?: string;
}

export class CreateProjectDto {
  @ApiProperty({
    description: '3 to 40 lower-case letters, digits and single hyphens. Part of the base URL.',
    pattern: '^[a-z][a-z0-9-]{1,38}[a-z0-9]$',
    example: 'quay-clinic',
  })
  @FieldRuleOf('slug', slugProblem)
  slug: string;

  @ApiProperty({ example: 'Quay Clinic' })
  @IsPlainText(200)
  name: string;

  @ApiProperty({ description: 'The number or the label of a supported version.', example: '4.0.1' })
  @IsString({ message: 'must be a text' })
  fhirVersion: string;

  @ApiProperty({
    selfRequired: false,
    type: 'object',
    additionalProperties: { type: 'string' },
    example: { tier: 'gold' },
  })
  @IsOptional()
  @FieldRuleOf('labels', labelsProblem)
  labels?: Record<string, string>;

  @ApiProperty({ required: false, type: PlacementDto, description: 'Where its database is to be.' })
  @IsOptional()
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => PlacementDto)
  placement?: PlacementDto;

  @ApiProperty({ required: false, type: ProjectOwnerDto })
  @IsOptional()
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => ProjectOwnerDto)
  owner?: ProjectOwnerDto;
}

export class CreatedProjectResponse {
  @ApiProperty({ type: ProjectResponse }) project: ProjectResponse;
  @ApiProperty({ type: OperationResponse }) operation: OperationResponse;
  @ApiProperty({ required: false, type: AdminClientResponse, description: 'Only in the 201 of the request itself.' })
  adminClient?: AdminClientResponse;
  @ApiProperty({ required: false, description: 'True in a replay by Idempotency-Key.' }) secretsClaimed?: boolean;
}
