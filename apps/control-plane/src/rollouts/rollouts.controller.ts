import {
  Body,
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
  Query,
  Sse,
  SseSignal,
  UseInterceptors,
  type MessageEvent,
} from '@nestjs/common';
import {
  ApiAcceptedResponse,
  ApiBearerAuth,
  ApiExtraModels,
  ApiHeader,
  ApiOkResponse,
  ApiOperation,
  ApiProduces,
  ApiTags,
  getSchemaPath,
} from '@nestjs/swagger';
import { from, map, type Observable } from 'rxjs';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { idempotencyKeyHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { RetryRolloutDto, SkipProjectsDto, StopRolloutDto } from './dto/change-rollout.dto.js';
import { CreateRolloutDto } from './dto/create-rollout.dto.js';
import { ListRolloutProjectsDto, ListRolloutsDto } from './dto/list-rollouts.dto.js';
import { RolloutChangesService } from './rollout-changes.service.js';
import { RolloutFollower } from './rollout-follower.js';
import { RolloutForecastResponse } from './rollout-forecast.response.js';
import { RolloutProjectListResponse } from './rollout-project.response.js';
import {
  ChangedProjectsResponse,
  ChangedRolloutResponse,
  PlannedRolloutResponse,
  RolloutListResponse,
  RolloutResponse,
} from './rollout.response.js';
import { RolloutsService } from './rollouts.service.js';

/** Proxies close streams that stay silent; a comment line keeps them open. */
const keepAliveMs = 15_000;

@ApiTags('rollouts')
@ApiBearerAuth()
@Controller('rollouts')
export class RolloutsController {
  constructor(
    private readonly rollouts: RolloutsService,
    private readonly changes: RolloutChangesService,
    private readonly follower: RolloutFollower,
  ) {}

  @UseInterceptors(AnswerInterceptor)
  @Post()
  @HttpCode(202)
  @ApiOperation({
    summary: 'Plan a rollout: bringing the tenant databases of the fleet to a schema, wave by wave',
    description:
      'Nothing is migrated before `start`. Databases that are thought to have the schema are left alone, unless `verify` has them looked into. With `dryRun` the answer is what would be done: waves, projects that would be left out, the SQL of every pending migration and the locks it takes.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: PlannedRolloutResponse })
  @ApiOkResponse({ type: RolloutForecastResponse, description: 'The dry run; nothing was written.' })
  @ApiProblems(400, 401, 403, 409, 422)
  create(@Body() body: CreateRolloutDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.rollouts.create(body, mutation);
  }

  @Get()
  @ApiOperation({ summary: 'List rollouts, the newest first' })
  @ApiOkResponse({ type: RolloutListResponse })
  @ApiProblems(400, 401)
  list(@Query() query: ListRolloutsDto): Promise<RolloutListResponse> {
    return this.rollouts.list(query);
  }

  @Get(':id')
  @ApiOperation({ summary: 'Read a rollout: its waves, counts, pace, durations and failures' })
  @ApiOkResponse({ type: RolloutResponse })
  @ApiProblems(401, 404)
  get(@Param('id') id: string): Promise<RolloutResponse> {
    return this.rollouts.describe(id);
  }

  @Get(':id/projects')
  @ApiOperation({ summary: 'List the projects of a rollout and what came of each' })
  @ApiOkResponse({ type: RolloutProjectListResponse })
  @ApiProblems(400, 401, 404)
  listProjects(@Param('id') id: string, @Query() query: ListRolloutProjectsDto): Promise<RolloutProjectListResponse> {
    return this.rollouts.listProjects(id, query);
  }

  @Sse(':id/events')
  @ApiOperation({
    summary: 'Follow a rollout',
    description:
      'Server-sent events named `rollout`, each with the whole rollout as its data: the state now, then at most two events a second while it changes, and the end of the stream with the end of the rollout.',
  })
  @ApiProduces('text/event-stream')
  @ApiExtraModels(RolloutResponse)
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { $ref: getSchemaPath(RolloutResponse) } } } })
  @ApiProblems(401, 404)
  async events(@Param('id') id: string, @SseSignal() signal: AbortSignal): Promise<Observable<MessageEvent>> {
    const rollout = await this.rollouts.get(id);
    return from(this.follower.follow(rollout.id, { signal, idleMs: keepAliveMs })).pipe(
      map((state) => (state === undefined ? { comment: 'still there' } : { type: 'rollout', data: state })),
    );
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/start')
  @HttpCode(200)
  @ApiOperation({ summary: 'Start a planned rollout; one at a time can run or be paused' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedRolloutResponse })
  @ApiProblems(401, 403, 404, 409)
  start(@Param('id') id: string, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.changes.start(id, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/pause')
  @HttpCode(200)
  @ApiOperation({ summary: 'Begin no further project; those that are being migrated are finished' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedRolloutResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  pause(@Param('id') id: string, @Body() body: StopRolloutDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.changes.pause(id, body, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/resume')
  @HttpCode(200)
  @ApiOperation({ summary: 'Go on with a paused rollout; a failed health check begins anew' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedRolloutResponse })
  @ApiProblems(401, 403, 404, 409)
  resume(@Param('id') id: string, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.changes.resume(id, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/abort')
  @HttpCode(200)
  @ApiOperation({ summary: 'End a rollout for good; what was migrated stays so' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedRolloutResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  abort(@Param('id') id: string, @Body() body: StopRolloutDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.changes.abort(id, body, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/retry')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Try failed projects again, all or those named',
    description: 'A rollout that its failures had paused goes on; one that an operator has paused stays so.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedProjectsResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  retry(
    @Param('id') id: string,
    @Body() body: RetryRolloutDto,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.changes.retry(id, body, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/skip')
  @HttpCode(200)
  @ApiOperation({
    summary: 'Leave pending or failed projects out of a rollout, with a reason',
    description:
      'A project that is done stays so, and its failed backfill is left out: the next rollout takes it up, and contract steps wait for it.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ChangedProjectsResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  skip(@Param('id') id: string, @Body() body: SkipProjectsDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.changes.skip(id, body, mutation);
  }
}
