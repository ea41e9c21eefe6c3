import { ApiProperty } from '@nestjs/swagger';
import { AdminClientResponse } from '../operations/claimed-secrets.response.js';
import { OperationResponse } from '../operations/operation.response.js';
import { ProjectResponse } from '../projects/project.response.js';

export class RotatedAdminClientResponse {
  @ApiProperty({ type: ProjectResponse }) project: ProjectResponse;
  @ApiProperty({ type: OperationResponse }) operation: OperationResponse;
  @ApiProperty({ required: false, type: AdminClientResponse, description: 'Only in the 200 of the request itself.' })
  adminClient?: AdminClientResponse;
  @ApiProperty({ required: false, description: 'True in a replay by Idempotency-Key.', example: true })
  secretsClaimed?: boolean;
}
