import { Body, Controller, Get, Headers, HttpCode, Param, Patch, UseInterceptors } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { preferredWaitSeconds } from '../mutations/prefer.js';
import { idempotencyKeyHeader, preferWaitHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import {
  ChangedProjectSettingsResponse,
  ProjectSettingsResponse,
  UpdateProjectSettingsDto,
} from './project-settings.dto.js';
import { ProjectSettingsService } from './project-settings.service.js';

@ApiTags('projects')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('projects/:idOrSlug/settings')
export class ProjectSettingsController {
  constructor(private readonly settings: ProjectSettingsService) {}

  @Get()
  @ApiOperation({ summary: 'Read what the operator has decided for a project: what was last put into force' })
  @ApiOkResponse({ type: ProjectSettingsResponse })
  @ApiProblems(401, 404)
  get(@Param('idOrSlug') idOrSlug: string): Promise<ProjectSettingsResponse> {
    return this.settings.get(idOrSlug);
  }

  @Patch()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Change what the operator decides for a project, and its administrators do not',
    description: 'Members that are not named stay as they are; `null` brings one back to what it is in a new project.',
  })
  @ApiHeader({ ...preferWaitHeader, description: '`wait=N`: wait up to N seconds (1 to 60) until they are in force.' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedProjectSettingsResponse, description: 'In force, on every data plane.' })
  @ApiAcceptedResponse({
    type: ChangedProjectSettingsResponse,
    description: 'Being put into force: poll the operation at `Location`.',
  })
  @ApiProblems(400, 401, 403, 404, 409)
  update(
    @Param('idOrSlug') idOrSlug: string,
    @Body() body: UpdateProjectSettingsDto,
    @Headers('prefer') prefer: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.settings.update(idOrSlug, body, preferredWaitSeconds(prefer), mutation);
  }
}
