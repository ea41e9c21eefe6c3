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

/** The search for what one direction of includes adds, and by which right its finds are shown. */
export interface IncludePlan extends SearchPlan {
  readonly interaction: 'read' | 'search';
}

/**
 * The searches for what `includes` add to the resources in `starts`: one for what they refer to, as far as the searcher
 * may read it, and one for what refers to them, as far as the searcher may search it; each only if it is asked for. They
 * find resources of the types in `types`, at most `count` and one more.
 */
export function planIncludes(
  planning: Planning,
  includes: readonly Include[],
  starts: readonly IncludeStart[],
  types: readonly string[],
  count: number,
): IncludePlan[] {
  const planFor = (interaction: IncludePlan['interaction'], condition: Condition | undefined): IncludePlan[] => {
    if (condition === undefined) return [];
    const plans = types.flatMap((type) => planType(planning, interaction, { type, criteria: [] }, true) ?? []);
    if (plans.length === 0) return [];
    const where = [condition, ...joinTypes(plans)];
    return [{ interaction, types: plans.map(({ type }) => type), where, order: [], count, offset: 0 }];
  };
  return [
    ...planFor('read', includedBy(includes, starts)),
    ...planFor('search', includedFrom(planning, includes, starts)),
  ];
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
