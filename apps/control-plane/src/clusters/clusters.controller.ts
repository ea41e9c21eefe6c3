import { Body, Controller, Get, HttpCode, Param, Post, Query, UseInterceptors } from '@nestjs/common';
import { ApiAcceptedResponse, ApiBearerAuth, ApiHeader, ApiOkResponse, ApiOperation, ApiTags } from '@nestjs/swagger';
import { NeedsRole } from '../auth/needs-role.decorator.js';
import { AnswerInterceptor, type Answer } from '../mutations/answer.js';
import { CurrentMutation, type Mutation } from '../mutations/mutation.js';
import { idempotencyKeyHeader } from '../openapi/headers.js';
import { ApiProblems } from '../openapi/problem-responses.js';
import { ClusterListResponse, ClusterResponse } from './cluster.response.js';
import { ListClustersDto, RegisterClusterDto, RegisteredClusterResponse } from './clusters.dto.js';
import { ClustersService } from './clusters.service.js';

@ApiTags('clusters')
@ApiBearerAuth()
@UseInterceptors(AnswerInterceptor)
@Controller('clusters')
export class ClustersController {
  constructor(private readonly clusters: ClustersService) {}

  @Post()
  @HttpCode(202)
  // Whoever chooses the server has the data of the projects that are made there.
  @NeedsRole('platform-admin')
  @ApiOperation({
    summary: 'Register a PostgreSQL server as a cluster',
    description:
      'Needs the role `platform-admin`. A worker looks at the server before the cluster gets projects: the connection, the version, the rights of the role, what it accepts. If something is missing, the operation fails with `cluster-unfit` and names it, and the cluster is gone again.',
  })
  @ApiHeader(idempotencyKeyHeader)
  @ApiAcceptedResponse({ type: RegisteredClusterResponse, description: 'Being checked: poll the operation.' })
  @ApiProblems(400, 401, 403, 409)
  register(@Body() body: RegisterClusterDto, @CurrentMutation() mutation: Mutation): Promise<Answer> {
    return this.clusters.register(body, mutation);
  }

  @Get()
  @ApiOperation({ summary: 'List the clusters, in the order in which they were registered' })
  @ApiOkResponse({ type: ClusterListResponse })
  @ApiProblems(400, 401)
  list(@Query() query: ListClustersDto): Promise<ClusterListResponse> {
    return this.clusters.list(query);
  }

  @Get(':idOrName')
  @ApiOperation({ summary: 'Read a cluster, by its id or name' })
  @ApiOkResponse({ type: ClusterResponse })
  @ApiProblems(401, 404)
  get(@Param('idOrName') idOrName: string): Promise<ClusterResponse> {
    return this.clusters.get(idOrName);
  }
}
