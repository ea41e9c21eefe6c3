import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import { operatorRoles, type ApiKeyRow, type OperatorRole } from '#control-database';
import { IsInstant, IsPlainText } from '../requests/field-rules.js';

export class CreateApiKeyDto {
  @ApiProperty({ description: 'What the key is for.', example: 'nightly provisioning' })
  @IsPlainText(100)
  name: string;

  @ApiProperty({ enum: operatorRoles, description: 'At most your own role.', example: 'operator' })
  @IsIn(operatorRoles, { message: `must be one of ${operatorRoles.join(', ')}` })
  role: OperatorRole;

  @ApiProperty({ required: false, nullable: true, type: String, format: 'date-time', example: '2030-01-01T00:00:00Z' })
  @IsOptional()
  @IsInstant()
  expiresAt?: string | null;
}

export class ListApiKeysDto {
  @ApiProperty({ required: false, minimum: 1, maximum: 200, default: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(200, { message: 'must be at most 200' })
  limit = 50;

  @ApiProperty({ required: false, description: '`next` of the page before.' })
  @IsOptional()
  @IsString({ message: 'must be given once' })
  @Matches(/^key_[0-9a-z]{26}$/, { message: 'is not a cursor of this list' })
  cursor?: string;
}

export class ApiKeyResponse {
  @ApiProperty({ example: 'key_01m7y6gksvqh7cs3hjj1j2ssts' }) id: string;
  @ApiProperty({ example: 'nightly provisioning' }) name: string;
  @ApiProperty({ enum: operatorRoles, example: 'operator' }) role: OperatorRole;
  @ApiProperty({ example: '0199a0c4-5e7d-7cc3-98c4-0f2ad6d0b1aa' }) operatorId: string;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, example: null }) expiresAt: string | null;
  @ApiProperty({ format: 'date-time', nullable: true, type: String, description: 'To the minute.', example: null })
  lastUsedAt: string | null;
}

export class CreatedApiKeyResponse extends ApiKeyResponse {
  @ApiProperty({ description: 'Shown this once. Send it as a bearer token.', example: 'byk_…' })
  secret: string;
}

export class ApiKeyListResponse {
  @ApiProperty({ type: [ApiKeyResponse] }) items: ApiKeyResponse[];
  @ApiProperty({ nullable: true, type: String, example: null }) next: string | null;
}

/** What a caller may see of a key. */
export function toApiKeyResponse(key: ApiKeyRow): ApiKeyResponse {
  return {
    id: key.id,
    name: key.name,
    role: key.role,
    operatorId: key.operatorId,
    createdAt: key.createdAt.toISOString(),
    expiresAt: key.expiresAt?.toISOString() ?? null,
    lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  };
}
