/**
 * PostgreSQL plans a prepared statement once for all values. For most searches that is wrong: half of all patients have
 * one gender and one patient has one identifier, but to a plan made without values both are "one in a hundred", and the
 * plan that suits the one (walk through the type until the page is full) takes a second for the other. So a statement is
 * prepared only where the same plan is good for all values; the others are planned for the values they come with, which
 * takes 0.1 to 0.3 ms.
 */
import type { Condition, SearchPlan } from '../search-plan.js';

type ReferenceCondition = Extract<Condition, { kind: 'reference' }>;
export type StringCondition = Extract<Condition, { kind: 'string' }>;

/** References to so few targets by so few parameters can be walked one after the other. */
export const maxWalkedLinks = 4;

/** How many walks along the references it takes to find what satisfies the condition. */
export const walkedLinks = ({ parameters, targets }: ReferenceCondition): number => parameters.length * targets.length;

/** Whether one plan is good for all statements of the shape of `plan`. */
export function planFitsAllValues(plan: SearchPlan): boolean {
  if (plan.types.length > 1) return false;
  return plan.where.length === 0 || plan.where.some(isNarrow) || startsAtTokens(plan);
}

/** The longest page that is read among others on one connection. */
const longestQuickPage = 100;

/**
 * Whether the server answers the search at once: it has a short page and begins with few resources, or with those that
 * refer to something, of which the client asks nothing else and no other order. Other criteria would first go through all
 * that refer to it, which can be a million, and whoever shares the connection would wait. What the searcher may see is
 * mostly all of what refers to something that they may see, so it counts as nothing.
 */
export function isQuick(plan: SearchPlan): boolean {
  const { types, where, order, count } = plan;
  if (types.length > 1 || count > longestQuickPage) return false;
  if (startsAtTokens(plan) || where.some((condition) => condition.kind === 'id' && !condition.negated)) return true;
  const isInOrder = order.every((key) => key.by === 'date' && key.main);
  const asked = where.filter(({ kind }) => kind !== 'filter');
  return asked.length === 1 && asked.every(isNarrow) && isInOrder;
}

/**
 * Whether the search has no order of its own and begins with the few resources that some condition leads to: an
 * identifying token, or a reference that is followed. Its order is then written so that no index provides it, because a
 * walk along the index would find the one resource last.
 */
export function sortsMatches(plan: SearchPlan): boolean {
  return startsAtTokens(plan) || (plan.order.length === 0 && plan.where.some(followsReferences));
}

/**
 * Whether nothing narrows a search over several types, so that the indexes of each type are walked in order: no index is
 * in the order of several types together.
 */
export function walksTypes({ types, where, order }: SearchPlan): boolean {
  return types.length > 1 && order.length > 0 && where.every(({ kind }) => kind === 'last-updated');
}

/**
 * The one string that is all a search in the order of creation asks for: its statement finds out by itself how frequent
 * the text is (see string-entry.ts).
 */
export function onlyString({ types, where, order }: SearchPlan): StringCondition | undefined {
  const [only] = where;
  const isAlone = types.length === 1 && where.length === 1 && order.length === 0;
  return isAlone && only?.kind === 'string' ? only : undefined;
}

function startsAtTokens({ where, order }: SearchPlan): boolean {
  return order.length === 0 && where.some((condition) => condition.kind === 'token' && condition.identifying);
}

function followsReferences({ kind }: Condition): boolean {
  return kind === 'refers-to' || kind === 'referred-from' || kind === 'linked' || kind === 'target-of';
}

/** Whether an index leads from the condition to few resources, so that everything else is better asked of those. */
export const leadsToFew = (condition: Condition): boolean =>
  isNarrow(condition) || (condition.kind === 'token' && condition.identifying && !condition.negated);

/** Conditions by which a search begins whatever else it asks for: an index on exactly this leads to few resources. */
function isNarrow(condition: Condition): boolean {
  if (condition.kind === 'id') return !condition.negated;
  return condition.kind === 'reference' && walkedLinks(condition) <= maxWalkedLinks;
}
