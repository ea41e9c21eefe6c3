import type { RolloutProjectsRepository } from './rollout-projects.repository.js';

/** How many projects a refusal names. */
const namedProjects = 5;

/** What the rule asks of a schema step. */
interface Step {
  readonly version: number;
  readonly name: string;
  readonly phase: 'expand' | 'contract';
}

/** Why no project may go beyond the schema before a contract step yet. */
export interface ContractRefusal {
  readonly code: 'contract-too-early';
  readonly message: string;
  /** The schema to which all projects must come first, with its backfills. */
  readonly schema: number;
  /** How many have not, and some of them; none when only those to come would be behind. */
  readonly behind: number;
  readonly projects: readonly string[];
}

/**
 * Why projects at the schema `from` may not go to `target` yet: a contract step takes away what a project without the step
 * before it, or whose backfill is not done, still needs, also one that is made while it runs. Undefined when they may.
 */
export async function contractRefusal(
  projects: Pick<RolloutProjectsRepository, 'listBehind'>,
  steps: readonly Step[],
  from: number,
  target: number,
): Promise<ContractRefusal | undefined> {
  for (const { version, name, phase } of steps) {
    if (phase !== 'contract' || version <= from || version > target) continue;
    const schema = version - 1;
    const { count, slugs, bornWith } = await projects.listBehind(schema, namedProjects);
    if (count === 0 && bornWith !== null && bornWith < schema) {
      return {
        code: 'contract-too-early',
        message: `${name} takes away what projects below schema ${schema} still need, and new ones are made with schema ${bornWith}. Roll out to ${schema} first.`,
        ...{ schema, behind: 0, projects: [] },
      };
    }
    if (count === 0) continue;
    const others = count > slugs.length ? ` and ${count - slugs.length} others` : '';
    return {
      code: 'contract-too-early',
      message: `${name} takes away what projects below schema ${schema} still need, and ${count} are below it or still fill it in: ${slugs.join(', ')}${others}. Roll out to ${schema} first.`,
      ...{ schema, behind: count, projects: slugs },
    };
  }
  return undefined;
}
