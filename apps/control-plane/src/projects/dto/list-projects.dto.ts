import { ApiProperty } from '@nestjs/swagger';
import { Transform, Type } from 'class-transformer';
import { ArrayMaxSize, IsIn, IsInt, IsOptional, IsString, Matches, Max, Min } from 'class-validator';
import type { ProjectState } from '#control-database';
import { FieldRuleOf, IsPlainText } from '../../requests/field-rules.js';
import { parseLabelFilter } from '../label-rules.js';
import { ProjectResponse, projectStates } from '../project.response.js';

export class ListProjectsDto {
  @ApiProperty({
    required: false,
    enum: projectStates,
    description: 'Deleted projects are listed only when asked for.',
  })
  @IsOptional()
  @IsIn(projectStates, { message: `must be one of ${projectStates.join(', ')}` })
  state?: ProjectState;

  @ApiProperty({
    required: false,
    type: [String],
    description: '`key:value`; may be given several times, all must fit.',
    example: ['tier:gold'],
  })
  @IsOptional()
  @Transform(({ value }: { value: unknown }) => (value === undefined || Array.isArray(value) ? value : [value]))
  @ArrayMaxSize(16, { message: 'must be given at most 16 times' })
  @FieldRuleOf('labelFilter', (value) =>
    isTexts(value) && parseLabelFilter(value) !== undefined ? undefined : 'must have the form key:value',
  )
  label?: string[];

  @ApiProperty({ required: false, description: 'Text in the slug or the name.', example: 'quay' })
  @IsOptional()
  @IsPlainText(200)
  q?: string;

  @ApiProperty({ required: false, example: 'cl_01m7y6gksvqh7cs3hjj1j2ssts' })
  @IsOptional()
  @IsString({ message: 'must be given once' })
  @Matches(/^[A-Za-z0-9_-]{1,64}$/, { message: 'is not the id of a cluster' })
  clusterId?: string;

  @ApiProperty({ required: false, minimum: 0, description: 'The schema of its tenant database.', example: 42 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(0, { message: 'must be at least 0' })
  @Max(1_000_000, { message: 'must be at most 1000000' })
  schemaVersion?: number;

  @ApiProperty({ required: false, minimum: 1, maximum: 200, default: 50 })
  @IsOptional()
  @Type(() => Number)
  @IsInt({ message: 'must be a whole number' })
  @Min(1, { message: 'must be at least 1' })
  @Max(200, { message: 'must be at most 200' })
  limit = 50;

  @ApiProperty({ required: false, description: '`next` of the page before, with the same filters.' })
  @IsOptional()
  @FieldRuleOf('cursor', (value) => (decodeCursor(value) === undefined ? 'is not a cursor of this list' : undefined))
  cursor?: string;
}

export class ProjectListResponse {
  @ApiProperty({ type: [ProjectResponse] }) items: ProjectResponse[];
  @ApiProperty({ nullable: true, type: String, description: 'The cursor of the next page.', example: null })
  next: string | null;
}

/** The cursor that continues behind this project. */
export function encodeCursor(projectId: string): string {
  return Buffer.from(projectId.replaceAll('-', ''), 'hex').toString('base64url');
}

/** The project behind which the list continues; undefined when the text is not a cursor. */
export function decodeCursor(cursor: unknown): string | undefined {
  if (typeof cursor !== 'string' || !/^[A-Za-z0-9_-]{22}$/.test(cursor)) return undefined;
  const hex = Buffer.from(cursor, 'base64url').toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((text) => typeof text === 'string' && !text.includes('\0'));
}
