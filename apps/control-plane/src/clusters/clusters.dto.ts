import { X509Certificate } from 'node:crypto';
import { ApiProperty } from '@nestjs/swagger';
import { Type } from 'class-transformer';
import { IsIn, IsInt, IsObject, IsOptional, Matches, Max, Min, ValidateIf, ValidateNested } from 'class-validator';
import type { SslMode } from '#control-database';
import { OperationResponse } from '../operations/operation.response.js';
import { FieldRuleOf, IsPlainText } from '../requests/field-rules.js';
import { ClusterResponse, sslModes } from './cluster.response.js';

const longestCa = 100_000;

class RegisteredEndpointDto {
  @ApiProperty({ description: 'A name or an address.', example: 'db1.internal' })
  @Matches(/^[A-Za-z0-9._:-]{1,253}$/, { message: 'must be a host name or an IP address' })
  host: string;

  @ApiProperty({ minimum: 1, maximum: 65_535, example: 5432 })
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(65_535, { message: 'must be at most 65535' })
  port: number;

  @ApiProperty({
    enum: sslModes,
    description: '`require` encrypts, `verify-full` also checks that the server is the one that was meant.',
    example: 'verify-full',
  })
  @IsIn(sslModes, { message: `must be one of ${sslModes.join(', ')}` })
  tls: SslMode;

  @ApiProperty({
    required: false,
    description: 'Certificates (PEM) to which that of the server must go back; without them those that Node trusts.',
    example: '-----BEGIN CERTIFICATE-----\nMIIB…\n-----END CERTIFICATE-----\n',
  })
  @ValidateIf((_, value) => value !== undefined)
  @FieldRuleOf('certificates', (value) => (isCertificate(value) ? undefined : 'must be certificates in PEM'))
  ca?: string;
}

class ClusterAdminDto {
  @ApiProperty({ description: 'A superuser, or a role with CREATEDB and CREATEROLE.', example: 'boxyard' })
  @IsPlainText(63)
  user: string;

  @ApiProperty({ description: 'Kept encrypted and never shown again.', example: 'a-password-of-its-own' })
  @IsPlainText(1_000)
  password: string;
}

class ClusterLimitsDto {
  @ApiProperty({ description: 'So many projects at most.', minimum: 0, maximum: 1_000_000, example: 400 })
  @IsInt({ message: 'must be a whole number' })
  @Min(0, { message: 'must be at least 0' })
  @Max(1_000_000, { message: 'must be at most 1000000' })
  maxProjects: number;

  @ApiProperty({ description: 'At most what the server accepts.', minimum: 1, maximum: 1_000_000, example: 300 })
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(1_000_000, { message: 'must be at most 1000000' })
  maxConnections: number;

  @ApiProperty({ description: 'Of those, so many are left to others.', minimum: 0, maximum: 1_000_000, example: 20 })
  @IsInt({ message: 'must be a whole number' })
  @Min(0, { message: 'must be at least 0' })
  @Max(1_000_000, { message: 'must be at most 1000000' })
  reservedConnections: number;
}

export class RegisterClusterDto {
  @ApiProperty({
    description: 'Lower-case letters, digits and hyphens; unique. `default` is the server of DATABASE_URL.',
    pattern: '^[a-z][a-z0-9-]{0,62}$',
    example: 'euw-1',
  })
  @Matches(/^(?!default$)[a-z][a-z0-9-]{0,62}$/, {
    message: 'must be lower-case letters, digits and hyphens, a letter first, and not default',
  })
  name: string;

  @ApiProperty({
    required: false,
    description: 'Where it stands, in your words: projects and waves of rollouts can be given to a region.',
    example: 'eu-west',
  })
  @IsOptional()
  @IsPlainText(100)
  region?: string;

  @ApiProperty({ type: RegisteredEndpointDto })
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => RegisteredEndpointDto)
  endpoint: RegisteredEndpointDto;

  @ApiProperty({ type: ClusterAdminDto, description: 'How workers log in to make databases and roles.' })
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => ClusterAdminDto)
  admin: ClusterAdminDto;

  @ApiProperty({ type: ClusterLimitsDto })
  @IsObject({ message: 'must be an object' })
  @ValidateNested()
  @Type(() => ClusterLimitsDto)
  limits: ClusterLimitsDto;
}

export class RegisteredClusterResponse {
  @ApiProperty({ type: ClusterResponse }) cluster: ClusterResponse;
  @ApiProperty({ type: OperationResponse }) operation: OperationResponse;
}

export class ListClustersDto {
  @ApiProperty({ required: false, minimum: 1, maximum: 200, default: 50, example: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(200, { message: 'must be at most 200' })
  limit = 50;

  @ApiProperty({
    required: false,
    description: '`next` of the page before.',
    example: 'cl_01m7y6gksvqh7cs3hjj1j2ssts',
  })
  @IsOptional()
  @Matches(/^cl_[0-9a-z]{26}$/, { message: 'is not a cursor of this list' })
  cursor?: string;
}

function isCertificate(value: unknown): boolean {
  if (typeof value !== 'string' || value.length > longestCa || value.includes('\0')) return false;
  try {
    return new X509Certificate(value).subject !== '';
  } catch {
    return false;
  }
}
