import { Body, Controller, Get, HttpCode, Param, Post, UseInterceptors } from '@nestjs/common';
import { ApiBearerAuth, ApiCreatedResponse, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { idempotencyKeyHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import {
  RevokedSigningKeyResponse,
  RevokeSigningKeyDto,
  RotatedSigningKeyResponse,
  RotateSigningKeyDto,
  SigningKeyListResponse,
} from './signing-keys.dto.js';
import { SigningKeysService } from './signing-keys.service.js';

@ApiTags('projects')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('projects/:idOrSlug/keys')
export class SigningKeysController {
  constructor(private readonly keys: SigningKeysService) {}

  @Get()
  @ApiOperation({ summary: 'List the keys with which a project signs its tokens, the newest first' })
  @ApiOkResponse({ type: SigningKeyListResponse })
  @ApiProblems(401, 404)
  list(@Param('idOrSlug') idOrSlug: string): Promise<SigningKeyListResponse> {
    return this.keys.list(idOrSlug);
  }

  @Post('rotate')
  @ApiOperation({ summary: 'Sign new tokens with a new key; tokens of the one before stay good for a while' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiCreatedResponse({ type: RotatedSigningKeyResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  rotate(
    @Param('idOrSlug') idOrSlug: string,
    @Body() body: RotateSigningKeyDto,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.keys.rotate(idOrSlug, body, mutation);
  }

  @Post(':kid/revoke')
  @HttpCode(200)
  @ApiOperation({ summary: 'End a key and all tokens that it has signed, now; a new one signs if it was the one' })
  @ApiHeader(idempotencyKeyHeader)
  @ApiOkResponse({ type: RevokedSigningKeyResponse })
  @ApiProblems(400, 401, 403, 404, 409)
  revoke(
    @Param('idOrSlug') idOrSlug: string,
    @Param('kid') kid: string,
    @Body() body: RevokeSigningKeyDto,
    @CurrentMutation() mutation: Mutation,
  ): Promise<Answer> {
    return this.keys.revoke(idOrSlug, kid, body, mutation);
  }
}
