import { ApiProperty } from '@nestjs/swagger';
import type { ClusterLoad, ClusterState, SslMode } from '#control-database';

export const sslModes = ['disable', 'require', 'verify-full'] as const satisfies readonly SslMode[];

const clusterStates = ['registering', 'active', 'draining', 'disabled'] as const satisfies readonly ClusterState[];

class EndpointResponse {
  @ApiProperty({ example: 'db1.internal' }) host: string;
  @ApiProperty({ example: 5432 }) port: number;
  @ApiProperty({ enum: sslModes, example: 'verify-full' }) tls: SslMode;
}

class LimitsOfClusterResponse {
  @ApiProperty({ example: 400 }) maxProjects: number;
  @ApiProperty({ example: 300 }) maxConnections: number;
  @ApiProperty({ example: 20 }) reservedConnections: number;
}

export class ClusterResponse {
  @ApiProperty({ example: 'cl_01m7y6gksvqh7cs3hjj1j2ssts' }) id: string;
  @ApiProperty({ example: 'euw-1' }) name: string;
  @ApiProperty({ nullable: true, type: String, example: 'eu-west' }) region: string | null;
  @ApiProperty({ type: EndpointResponse }) endpoint: EndpointResponse;
  @ApiProperty({
    enum: clusterStates,
    description: 'Only an active one gets new projects; one that is registering is still to be checked by a worker.',
    example: 'active',
  })
  state: ClusterState;
  @ApiProperty({ type: LimitsOfClusterResponse }) limits: LimitsOfClusterResponse;
  @ApiProperty({ description: 'That have, or are getting, their database there.', example: 37 }) projects: number;
  @ApiProperty({ format: 'date-time', example: '2026-11-21T09:00:00.000Z' }) createdAt: string;
}

export class ClusterListResponse {
  @ApiProperty({ type: [ClusterResponse] }) items: ClusterResponse[];
  @ApiProperty({ nullable: true, type: String, description: 'The cursor of the next page.', example: null })
  next: string | null;
}

/** What a caller may see of a cluster: nothing of how its administrator logs in. */
export function toClusterResponse(cluster: ClusterLoad): ClusterResponse {
  const { id, name, region, host, port, sslMode, state, projects, createdAt } = cluster;
  const { maxProjects, maxConnections, reservedConnections } = cluster;
  return {
    id,
    name,
    region,
    endpoint: { host, port, tls: sslMode },
    state,
    limits: { maxProjects, maxConnections, reservedConnections },
    projects,
    createdAt: createdAt.toISOString(),
  };
}
