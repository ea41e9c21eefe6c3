import { Controller, Headers, HttpCode, Param, Post, UseInterceptors } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsRole } from '../auth/needs-role.decorator.js';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { preferredWaitSeconds } from '../mutations/prefer.js';
import { idempotencyKeyHeader, preferWaitHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { RotatedAdminClientResponse } from './admin-client.response.js';
import { AdminClientService } from './admin-client.service.js';

@ApiTags('projects')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('projects/:idOrSlug/admin-client')
export class AdminClientController {
  constructor(private readonly adminClient: AdminClientService) {}

  @Post('rotate')
  @HttpCode(202)
  // Whoever has the secret has all data of the project.
  @NeedsRole('platform-admin')
  @ApiOperation({
    summary: 'Give the admin client a new secret, and end the one before with everything it has logged in',
    description: 'Needs the role `platform-admin`: with the secret comes access to the data of the project.',
  })
  @ApiHeader({ ...preferWaitHeader, description: '`wait=N`: wait up to N seconds (1 to 60) for the new secret.' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: RotatedAdminClientResponse, description: 'In force; `adminClient` is shown this once.' })
  @ApiAcceptedResponse({
    type: RotatedAdminClientResponse,
    description: 'Being done: poll the operation at `Location`, then claim its secrets.',
  })
  @ApiProblems(401, 403, 404, 409)
  rotate(
    @Param('idOrSlug') idOrSlug: string,
    @Headers('prefer') prefer: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.adminClient.rotate(idOrSlug, preferredWaitSeconds(prefer), mutation);
  }
}
