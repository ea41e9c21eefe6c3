/**
 * PostgreSQL plans a prepared statement once for all values. For most searches that is wrong: half of all patients have
 * one gender and one patient has one identifier, but to a plan made without values both are "one in a hundred", and the
 * plan that suits the one (walk through the type until the page is full) takes a second for the other. So a statement is
 * prepared only where the same plan is good for all values; the others are planned for the values they come with, which
 * takes 0.1 to 0.3 ms.
 */
import type { Condition, SearchPlan } from '../search-plan.js';

/** A reference to so few targets can be walked target by target. */
export const maxWalkedTargets = 4;

/** Whether one plan is good for all statements of the shape of `plan`. */
export function planFitsAllValues(plan: SearchPlan): boolean {
  return plan.where.length === 0 || plan.where.some(isNarrow) || startsAtTokens(plan);
}

/**
 * Whether the search has no order of its own and begins with the few resources that have an identifying token. Its order
 * is then written so that no index provides it, because a walk along the index would find the one resource last.
 */
export function startsAtTokens({ where, order }: SearchPlan): boolean {
  return order.length === 0 && where.some((condition) => condition.kind === 'token' && condition.identifying);
}

/** Conditions by which a search begins whatever else it asks for: an index on exactly this leads to few resources. */
function isNarrow(condition: Condition): boolean {
  switch (condition.kind) {
    case 'id':
      return !condition.negated;
    case 'reference':
      return condition.targets.length <= maxWalkedTargets;
    case 'last-updated':
    case 'token':
    case 'string':
    case 'date':
      return false;
  }
}
