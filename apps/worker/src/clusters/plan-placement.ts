import type { ClusterLoad } from '#control-database';
import { DomainError } from '#platform';

/**
 * Chooses where a new project goes: among the active clusters below their limit, the one with the smallest share of its
 * limit in use; ties by id, so that every worker chooses alike. Throws `no-cluster` (unavailable, may be tried again)
 * when there is none.
 */
export function planPlacement(loads: readonly ClusterLoad[]): ClusterLoad {
  const [best] = loads
    .filter(({ state, projects, maxProjects }) => state === 'active' && projects < maxProjects)
    .toSorted((a, b) => a.projects / a.maxProjects - b.projects / b.maxProjects || (a.id < b.id ? -1 : 1));
  if (best) return best;
  throw new DomainError(
    'unavailable',
    'no-cluster',
    'No active cluster has room for another project: register one or raise the limit of an existing one.',
  );
}
