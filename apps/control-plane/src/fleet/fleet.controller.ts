import { Body, Controller, Get, HttpCode, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { idempotencyKeyHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { ListByProjectDto } from '../rollouts/dto/list-rollouts.dto.js';
import { CheckDriftDto, DriftRequestedResponse, FleetDriftResponse, FleetVersionsResponse } from './fleet.responses.js';
import { FleetService } from './fleet.service.js';

@ApiTags('fleet')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('fleet')
export class FleetController {
  constructor(private readonly fleet: FleetService) {}

  @Get('versions')
  @ApiOperation({ summary: 'Count the tenant databases by their schema, as the control database knows it' })
  @ApiOkResponse({ type: FleetVersionsResponse })
  @ApiProblems(401)
  versions(): Promise<FleetVersionsResponse> {
    return this.fleet.versions();
  }

  @Post('drift')
  @HttpCode(202)
  @ApiOperation({
    summary: 'Look into tenant databases and compare their catalog with what their schema should be',
    description: 'A worker does it; `GET /fleet/drift` shows how far it is and what it found.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: DriftRequestedResponse })
  @ApiProblems(400, 401, 403)
  checkDrift(@Body() body: CheckDriftDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.fleet.checkDrift(body, mutation);
  }

  @Get('drift')
  @ApiOperation({ summary: 'List the tenant databases that were found not to be as they should' })
  @ApiOkResponse({ type: FleetDriftResponse })
  @ApiProblems(400, 401)
  drift(@Query() query: ListByProjectDto): Promise<FleetDriftResponse> {
    return this.fleet.drift(query);
  }
}
