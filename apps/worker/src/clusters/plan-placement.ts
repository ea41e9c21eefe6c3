import type { ClusterLoad } from '#control-database';
import type { ProjectPlacement } from '#operations';
import { DomainError } from '#platform';

/**
 * Chooses where a new project goes: among the active clusters below their limit (of the region, or that cluster alone, if
 * so asked), the one with the smallest share of its limit in use; ties by id, so that every worker chooses alike. Throws
 * `no-cluster` (unavailable, may be tried again) when there is none.
 */
export function planPlacement(
  loads: readonly ClusterLoad[],
  { region, clusterId }: ProjectPlacement = {},
): ClusterLoad {
  const [best] = loads
    .filter((cluster) => region === undefined || cluster.region === region)
    .filter((cluster) => clusterId === undefined || cluster.id === clusterId)
    .filter(({ state, projects, maxProjects }) => state === 'active' && projects < maxProjects)
    .toSorted((a, b) => a.projects / a.maxProjects - b.projects / b.maxProjects || (a.id < b.id ? -1 : 1));
  if (best) return best;
  const asked = [region && ` of region ${region}`, clusterId && ` with the id ${clusterId}`].join('');
  throw new DomainError(
    'unavailable',
    'no-cluster',
    `No active cluster${asked} has room for another project. Register one (POST /control/v1/clusters), or raise ` +
      'max_projects of an existing one in the control database.',
  );
}
