import type { RolloutProjectsRepository, RolloutReason } from '#control-database';
import type { SchemaStep } from '#tenant-schema';

/** How many projects a refusal names. */
const namedProjects = 5;

/** The contract steps among those that lead from one schema to another. */
function contractSteps(steps: readonly SchemaStep[], from: number, target: number): SchemaStep[] {
  return steps.filter(({ version, phase }) => phase === 'contract' && version > from && version <= target);
}

/**
 * Why projects at the schema `from` may not go to `target` yet: a contract step takes away what a project without the step
 * before it, or whose backfill is not done, still needs. Undefined when they may.
 */
export async function contractRefusal(
  projects: Pick<RolloutProjectsRepository, 'listBehind'>,
  steps: readonly SchemaStep[],
  from: number,
  target: number,
): Promise<RolloutReason | undefined> {
  for (const { version, name } of contractSteps(steps, from, target)) {
    const { count, slugs } = await projects.listBehind(version - 1, namedProjects);
    if (count === 0) continue;
    const others = count > slugs.length ? ` and ${count - slugs.length} others` : '';
    return {
      code: 'contract-too-early',
      message: `${name} (schema ${version}) takes away what older schemas need, and ${count} projects have not reached schema ${version - 1} with its backfills: ${slugs.join(', ')}${others}. Bring them there first.`,
    };
  }
  return undefined;
}
