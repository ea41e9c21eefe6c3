import { Body, Controller, Delete, Get, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { CurrentCaller, type Caller } from '../auth/caller.js';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { idempotencyKeyHeader } from '../openapi/headers.js';
import {
  ApiKeyListResponse,
  ApiKeyResponse,
  CreateApiKeyDto,
  CreatedApiKeyResponse,
  ListApiKeysDto,
} from './api-keys.dto.js';
import { ApiKeysService } from './api-keys.service.js';

@ApiTags('api-keys')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('api-keys')
export class ApiKeysController {
  constructor(private readonly apiKeys: ApiKeysService) {}

  @Post()
  @ApiOperation({
    summary: 'Make an API key; its secret is shown in this answer only',
    description: 'For operators who have logged in: a key makes no keys.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiCreatedResponse({ type: CreatedApiKeyResponse })
  @ApiProblems(400, 401, 403, 409)
  create(@Body() body: CreateApiKeyDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.apiKeys.create(body, mutation);
  }

  @Get()
  @ApiOperation({ summary: 'List API keys: your own, as a platform admin all' })
  @ApiOkResponse({ type: ApiKeyListResponse })
  @ApiProblems(400, 401)
  list(@Query() query: ListApiKeysDto, @CurrentCaller() caller: Caller): Promise<ApiKeyListResponse> {
    return this.apiKeys.list(query, caller);
  }

  @Delete(':id')
  @ApiOperation({ summary: 'End an API key' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: ApiKeyResponse })
  @ApiProblems(401, 403, 404)
  revoke(@Param('id') id: string, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.apiKeys.revoke(id, mutation);
  }
}
