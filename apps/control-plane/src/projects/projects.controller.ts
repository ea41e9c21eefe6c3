import {
  Body,
  Controller,
  Delete,
  Get,
  Headers,
  HttpCode,
  Inject,
  Param,
  Patch,
  Post,
  Query,
  UseInterceptors,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiCreatedResponse,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiTags,
} from '@nestjs/swagger';
import type { Config } from '#platform';
import { CONFIG } from '../environment/environment.module.js';
import { Answer, AnswerInterceptor } from '../mutations/answer.js';
import { revisionTag } from '../mutations/entity-tag.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { preferredWaitSeconds } from '../mutations/prefer.js';
import { idempotencyKeyHeader, ifMatchHeader, preferWaitHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { CreatedProjectResponse, CreateProjectDto } from './dto/create-project.dto.js';
import { DeletedProjectResponse, DeleteProjectDto, PurgeProjectDto } from './dto/delete-project.dto.js';
import { ListProjectsDto, ProjectListResponse } from './dto/list-projects.dto.js';
import { RenameProjectDto, UpdateProjectDto } from './dto/update-project.dto.js';
import { ProjectCreationService } from './project-creation.service.js';
import { ProjectDeletionService } from './project-deletion.service.js';
import { ProjectResponse, toProjectResponse } from './project.response.js';
import { ProjectsService } from './projects.service.js';

@ApiTags('projects')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('projects')
export class ProjectsController {
  constructor(
    private readonly projects: ProjectsService,
    private readonly creation: ProjectCreationService,
    private readonly deletion: ProjectDeletionService,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  @Post()
  @HttpCode(202)
  @ApiOperation({ summary: 'Create a project with its own database, role, keys and base URL' })
  @ApiHeader(preferWaitHeader)
  @ApiHeader(idempotencyKeyHeader)
  @ApiCreatedResponse({ type: CreatedProjectResponse, description: 'Active; `adminClient` is shown this once.' })
  @ApiAcceptedResponse({
    type: CreatedProjectResponse,
    description: 'Being built: poll the operation at `Location`, then claim its secrets.',
  })
  @ApiProblems(400, 401, 403, 409, 422)
  create(
    @Body() body: CreateProjectDto,
    @Headers('prefer') prefer: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.creation.create(body, preferredWaitSeconds(prefer), mutation);
  }

  @Get()
  @ApiOperation({ summary: 'List projects, the oldest first' })
  @ApiOkResponse({ type: ProjectListResponse })
  @ApiProblems(400, 401)
  list(@Query() query: ListProjectsDto): Promise<ProjectListResponse> {
    return this.projects.list(query);
  }

  @Get(':idOrSlug')
  @ApiOperation({ summary: 'Read a project' })
  @ApiOkResponse({ type: ProjectResponse })
  @ApiProblems(401, 404)
  async get(@Param('idOrSlug') idOrSlug: string): Promise<Answer> {
    const project = await this.projects.get(idOrSlug);
    return new Answer(200, toProjectResponse(project, this.config), { ETag: revisionTag(project.revision) });
  }

  @Patch(':idOrSlug')
  @ApiOperation({
    summary: 'Change the slug, the name, the labels, the schema pin and the maintenance window of a project',
  })
  @ApiHeader(ifMatchHeader)
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ProjectResponse })
  @ApiProblems(400, 401, 403, 404, 409, 412)
  update(
    @Param('idOrSlug') idOrSlug: string,
    @Body() body: UpdateProjectDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.projects.update(idOrSlug, body, ifMatch, mutation);
  }

  @Post(':idOrSlug/rename')
  @HttpCode(200)
  @ApiOperation({ summary: 'Give a project another slug; the former one goes on serving it for 90 days' })
  @ApiHeader(ifMatchHeader)
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ProjectResponse })
  @ApiProblems(400, 401, 403, 404, 409, 412)
  rename(
    @Param('idOrSlug') idOrSlug: string,
    @Body() { slug }: RenameProjectDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.projects.update(idOrSlug, { slug }, ifMatch, mutation);
  }

  @Delete(':idOrSlug')
  @HttpCode(202)
  @ApiOperation({ summary: 'Take a project offline, and destroy its data after a retention' })
  @ApiHeader(ifMatchHeader)
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: DeletedProjectResponse })
  @ApiOkResponse({ type: DeletedProjectResponse, description: 'Nothing is left to do.' })
  @ApiProblems(400, 401, 403, 404, 409, 412)
  delete(
    @Param('idOrSlug') idOrSlug: string,
    @Body() body: DeleteProjectDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.deletion.delete(idOrSlug, body, ifMatch, mutation);
  }

  @Post(':idOrSlug/purge')
  @HttpCode(202)
  @ApiOperation({ summary: "Destroy a deleted project's data now" })
  @ApiHeader(ifMatchHeader)
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: DeletedProjectResponse })
  @ApiOkResponse({ type: DeletedProjectResponse, description: 'Nothing is left to do.' })
  @ApiProblems(400, 401, 403, 404, 409, 412)
  purge(
    @Param('idOrSlug') idOrSlug: string,
    @Body() body: PurgeProjectDto,
    @Headers('if-match') ifMatch: string | undefined,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.deletion.purge(idOrSlug, body, ifMatch, mutation);
  }
}
