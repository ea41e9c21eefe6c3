import {
  Controller,
  Get,
  HttpCode,
  Param,
  Post,
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
import { ClaimSecretsService } from './claim-secrets.service.js';
import { ClaimedSecretsResponse } from './claimed-secrets.response.js';
import { OperationResponse } from './operation.response.js';
import { OperationsService } from './operations.service.js';
import { RetryOperationService } from './retry-operation.service.js';

/** Proxies close streams that stay silent; a comment line keeps them open. */
const keepAliveMs = 15_000;

@ApiTags('operations')
@ApiBearerAuth()
@Controller('operations')
export class OperationsController {
  constructor(
    private readonly operations: OperationsService,
    private readonly secrets: ClaimSecretsService,
    private readonly retries: RetryOperationService,
  ) {}

  @Get(':id')
  @ApiOperation({ summary: 'Read an operation with its steps' })
  @ApiOkResponse({ type: OperationResponse })
  @ApiProblems(401, 404)
  async get(@Param('id') id: string): Promise<OperationResponse> {
    return this.operations.describe(id);
  }

  @Sse(':id/events')
  @ApiOperation({
    summary: 'Follow an operation',
    description:
      'Server-sent events named `operation`, each with the whole operation as its data: the state now, one event per change, and the end of the stream with the end of the operation.',
  })
  @ApiProduces('text/event-stream')
  @ApiExtraModels(OperationResponse)
  @ApiOkResponse({ content: { 'text/event-stream': { schema: { $ref: getSchemaPath(OperationResponse) } } } })
  @ApiProblems(401, 404)
  async events(@Param('id') id: string, @SseSignal() signal: AbortSignal): Promise<Observable<MessageEvent>> {
    const operation = await this.operations.get(id);
    return from(this.operations.follow(operation.id, { signal, idleMs: keepAliveMs })).pipe(
      map((state) => (state === undefined ? { comment: 'still there' } : { type: 'operation', data: state })),
    );
  }

  // Only here: around an event stream an interceptor would turn an early error into a stream with status 200.
  @UseInterceptors(AnswerInterceptor)
  @Post(':id/claim-secrets')
  @HttpCode(200)
  @ApiOperation({
    summary:
      'Claim the secrets of a finished project.create or admin-client/rotate, once, within an hour, as its creator',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ClaimedSecretsResponse })
  @ApiProblems(401, 403, 404, 409, 410)
  claimSecrets(@Param('id') id: string, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.secrets.claim(id, mutation);
  }

  @UseInterceptors(AnswerInterceptor)
  @Post(':id/retry')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Try a project.create that has failed once more',
    description:
      'The same project is made, under the same slug. Its secrets can be claimed as long as they could before.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: OperationResponse })
  @ApiProblems(401, 403, 404, 409)
  retry(@Param('id') id: string, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.retries.retry(id, mutation);
  }
}
