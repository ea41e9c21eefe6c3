import { joinTypes, planType, targetOf, type Planning } from './plan-criteria.js';
import type { Condition, SearchPlan } from './search-plan.js';
import type { Include } from './search-request.js';

/** A resource from which includes are followed. */
export interface IncludeStart {
  /** Its creation number. */
  readonly row: string;
  readonly type: string;
  readonly id: string;
}

/**
 * The searches for what `includes` add to the resources in `starts`: one for what they refer to and one for what refers
 * to them, as far as each is asked for. They find what the searcher may read of the types in `types`, at most `count`
 * and one more.
 */
export function planIncludes(
  planning: Planning,
  includes: readonly Include[],
  starts: readonly IncludeStart[],
  types: readonly string[],
  count: number,
): SearchPlan[] {
  const plans = types.flatMap((type) => planType(planning, 'read', { type, criteria: [] }) ?? []);
  const visible = plans.map(({ type }) => type);
  if (visible.length === 0) return [];
  return [includedBy(includes, starts), includedFrom(planning, includes, starts)]
    .filter((condition) => condition !== undefined)
    .map((condition) => ({ types: visible, where: [condition, ...joinTypes(plans)], order: [], count, offset: 0 }));
}

function includedBy(includes: readonly Include[], starts: readonly IncludeStart[]): Condition | undefined {
  const groups = includes
    .filter(({ direction }) => direction === 'include')
    .map(({ parameters, target }) => ({ parameters, type: target }));
  if (groups.length === 0) return undefined;
  return { kind: 'target-of', resources: starts.map(({ row }) => row), groups };
}

function includedFrom(
  planning: Planning,
  includes: readonly Include[],
  starts: readonly IncludeStart[],
): Condition | undefined {
  const groups = includes
    .filter(({ direction }) => direction === 'revinclude')
    .map(({ parameters, target }) => {
      const fitting = target === undefined ? starts : starts.filter(({ type }) => type === target);
      return { parameters, targets: fitting.map((start) => targetOf(planning, start)) };
    })
    .filter(({ targets }) => targets.length > 0);
  return groups.length === 0 ? undefined : { kind: 'linked', groups, selves: [] };
}
