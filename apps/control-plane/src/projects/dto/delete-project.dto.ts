import { ApiProperty } from '@nestjs/swagger';
import { IsInt, IsOptional, IsString, Max, Min } from 'class-validator';
import { OperationResponse } from '../../operations/operation.response.js';
import { ProjectResponse } from '../project.response.js';

export class PurgeProjectDto {
  @ApiProperty({ description: "The project's slug, typed again.", example: 'quay-clinic' })
  @IsString({ message: 'must be the slug of the project' })
  confirm: string;
}

export class DeleteProjectDto extends PurgeProjectDto {
  @ApiProperty({
    required: false,
    minimum: 0,
    maximum: 3650,
    default: 30,
    description: 'Days until the data is destroyed; 0 destroys it at once.',
    example: 30,
  })
  @IsOptional()
  @IsInt({ message: 'must be a whole number of days' })
  @Min(0, { message: 'must be at least 0' })
  @Max(3650, { message: 'must be at most 3650' })
  retentionDays?: number;
}

export class DeletedProjectResponse {
  @ApiProperty({ type: ProjectResponse }) project: ProjectResponse;
  @ApiProperty({
    nullable: true,
    type: OperationResponse,
    description: 'What is being done; null when nothing is left to do.',
  })
  operation: OperationResponse | null;
  @ApiProperty({ description: 'False when the request repeats what was asked before.' }) changed: boolean;
}
