import { ApiProperty } from '@nestjs/swagger';
import { IsOptional } from 'class-validator';
import type { ClusterRepository } from '#control-database';
import type { ProjectPlacement } from '#operations';
import { invalidRequest } from '../problems/request-validation.js';
import { IsPlainText } from '../requests/field-rules.js';
import { findCluster } from './clusters.service.js';

export class PlacementDto {
  @ApiProperty({ required: false, description: 'Only on a cluster of this region.', example: 'eu-west' })
  @IsOptional()
  @IsPlainText(100)
  region?: string;

  @ApiProperty({
    required: false,
    nullable: true,
    type: String,
    description: 'Only on this cluster, by its id or name.',
    example: null,
  })
  @IsOptional()
  @IsPlainText(64)
  clusterId?: string | null;
}

/**
 * What is asked for, with the id of the cluster; undefined when nothing is. A cluster that there is not, a region in which
 * there is none and a cluster outside the region are `validation`: waiting would not help. Whether there is room is found
 * out when the project is placed.
 */
export async function resolvePlacement(
  clusters: ClusterRepository,
  { region, clusterId }: PlacementDto,
): Promise<ProjectPlacement | undefined> {
  if (clusterId != null) {
    const cluster = await findCluster(clusters, clusterId);
    if (cluster === undefined) throw invalidRequest([{ field: 'placement.clusterId', message: 'is not a cluster' }]);
    if (region != null && cluster.region !== region) throw notThere('the cluster is in another region');
    return { clusterId: cluster.id };
  }
  if (region == null) return undefined;
  if (!(await clusters.list()).some((cluster) => cluster.region === region)) throw notThere('no cluster is there');
  return { region };
}

function notThere(message: string) {
  return invalidRequest([{ field: 'placement.region', message }]);
}
