/**
 * Criteria as conditions. Every plan for resources of some type is made here, whether they are what is searched or what a
 * chain, `_has` or an include leads to, so this is the one place where the rights of the searcher narrow it.
 */
import type { FhirVersion } from '#fhir';
import { embeddedCondition } from './embedded.js';
import type { Condition, TypePlan } from './search-plan.js';
import type { Criterion, TypeCriteria } from './search-request.js';
import { unrestricted, type Restrict } from './restrict.js';
import { listMembers } from './list-members.js';
import { selfHash } from './self-hash.js';
import { leadsToFew } from './sql/plan-choice.js';
import type { TokenHasher } from './token-hasher.js';
import { referenceText } from './token-texts.js';
import { valueCondition, type ValueCriterion } from './value-condition.js';

/** What planning needs: the version, the project's hasher, and the rights of the searcher. */
export interface Planning {
  readonly version: FhirVersion;
  readonly hasher: TokenHasher;
  readonly restrict: Restrict;
}

/**
 * The plan for what the searcher may see of the resources that satisfy the criteria; undefined: nothing of the type. Where
 * the criteria lead to few resources by themselves, or `isLed` says that something else does, the limits only filter.
 */
export function planType(
  planning: Planning,
  interaction: 'search' | 'read',
  { type, criteria }: TypeCriteria,
  isLed = false,
): TypePlan | undefined {
  const limits = planning.restrict(interaction, type);
  if (limits === undefined) return undefined;
  const where = criteria.flatMap((criterion) => parts(planCriterion(planning, criterion)));
  const { conditions, filters } = plannedLimits(planning, limits);
  return { type, where: [...where, ...(isLed || where.some(leadsToFew) ? filters : conditions)] };
}

interface PlannedLimits {
  readonly conditions: readonly Condition[];
  readonly filters: readonly Condition[];
}

const unlimited: PlannedLimits = { conditions: [], filters: [] };

/** By the project's hasher and the limits, which a policy gives again and again for the same interaction and type. */
const limitsPlanned = new WeakMap<TokenHasher, WeakMap<readonly Criterion[], PlannedLimits>>();

/** Limits as conditions. Made once for the same limits: hashing fifty organizations costs more than the rest of a plan. */
function plannedLimits(planning: Planning, limits: readonly Criterion[]): PlannedLimits {
  if (limits.length === 0) return unlimited;
  let ofProject = limitsPlanned.get(planning.hasher);
  if (ofProject === undefined) limitsPlanned.set(planning.hasher, (ofProject = new WeakMap()));
  const known = ofProject.get(limits);
  if (known !== undefined) return known;
  // The limits are nobody's search, so nothing narrows them in turn.
  const conditions = limits.flatMap((limit) => parts(planCriterion({ ...planning, restrict: unrestricted }, limit)));
  const filters = conditions.map((condition): Condition => ({ kind: 'filter', condition }));
  const made = { conditions, filters };
  ofProject.set(limits, made);
  return made;
}

/** Conditions that must all hold, each by itself: so an index is found for each, as for separate criteria. */
const parts = (condition: Condition): readonly Condition[] =>
  condition.kind === 'and' ? condition.conditions.flatMap(parts) : [condition];

/** What is asked of other resources, or of several criteria at once. */
type PlannedCriterion = Exclude<Criterion, ValueCriterion>;

const plannedKinds: ReadonlySet<string> = new Set<PlannedCriterion['kind']>([
  'and',
  'or',
  'not',
  'chain',
  'embedded',
  'has',
  'compartment',
  'list',
]);

const isPlanned = (criterion: Criterion): criterion is PlannedCriterion => plannedKinds.has(criterion.kind);

function planCriterion(planning: Planning, criterion: Criterion): Condition {
  if (!isPlanned(criterion)) return valueCondition(criterion, planning.hasher);
  switch (criterion.kind) {
    case 'and':
    case 'or':
      return { kind: criterion.kind, conditions: criterion.criteria.map((part) => planCriterion(planning, part)) };
    case 'not':
      return { kind: 'not', condition: planCriterion(planning, criterion.criterion) };
    case 'chain': {
      const plans = criterion.targets.flatMap((target) => planType(planning, 'search', target) ?? []);
      if (plans.length === 0) return { kind: 'nothing' };
      return { kind: 'refers-to', parameter: criterion.parameter.key, plans };
    }
    case 'embedded':
      return embeddedCondition(criterion, planning.hasher);
    case 'has': {
      const plan = planType(planning, 'search', criterion.source);
      return plan === undefined
        ? { kind: 'nothing' }
        : { kind: 'referred-from', parameter: criterion.parameter.key, plan };
    }
    case 'compartment':
      return compartmentCondition(planning, criterion);
    case 'list':
      return listCondition(planning, criterion.lists);
  }
}

/** A List is read like every other resource: one that the searcher may not see has no members for them. */
function listCondition(planning: Planning, lists: readonly string[]): Condition {
  const source: TypeCriteria = { type: listMembers.type, criteria: [{ kind: 'id', ids: lists, negated: false }] };
  return planCriterion(planning, { kind: 'has', parameter: listMembers, source });
}

function compartmentCondition(
  { hasher }: Planning,
  { owner, parameters, includesOwner }: Extract<Criterion, { kind: 'compartment' }>,
): Condition {
  const target = hasher.hash(referenceText(owner));
  const keys = parameters.map(({ key }) => key);
  if (!includesOwner) return { kind: 'reference', parameters: keys, targets: [target] };
  const groups = keys.length === 0 ? [] : [{ parameters: keys, targets: [target] }];
  return { kind: 'linked', groups, selves: [target] };
}

/**
 * One list of conditions for resources of several types. What can be said of all types at once is said once (an id, or
 * the tokens of each, which no other type has); the rest is said type by type.
 */
export function joinTypes(plans: readonly TypePlan[]): Condition[] {
  const [first, ...others] = plans;
  if (first === undefined) return [{ kind: 'nothing' }];
  if (others.length === 0) return [...first.where];
  const shared: Condition[] = [];
  const separate: Condition[][] = plans.map(() => []);
  const longest = Math.max(...plans.map(({ where }) => where.length));
  for (let position = 0; position < longest; position++) {
    const alike = plans.map(({ where }) => where[position]);
    const merged = mergeAll(alike);
    if (merged !== undefined) shared.push(merged);
    else alike.forEach((condition, index) => condition && separate[index]?.push(condition));
  }
  if (separate.every((where) => where.length === 0)) return shared;
  return [
    ...shared,
    { kind: 'of-types', plans: plans.map(({ type }, index) => ({ type, where: separate[index] ?? [] })) },
  ];
}

function mergeAll(parts: readonly (Condition | undefined)[]): Condition | undefined {
  const [first, ...others] = parts;
  return others.reduce((merged, part) => (merged && part ? merge(merged, part) : undefined), first);
}

/** The condition that means `left` for resources of its type and `right` for those of another; undefined: none does. */
function merge(left: Condition, right: Condition): Condition | undefined {
  if (left.kind === 'token' && right.kind === 'token' && left.negated === right.negated) {
    const anyOf = [...left.anyOf, ...right.anyOf];
    return { ...left, anyOf, identifying: left.identifying && right.identifying };
  }
  if (left.kind === 'reference' && right.kind === 'reference' && isSame(left.targets, right.targets)) {
    return { ...left, parameters: [...left.parameters, ...right.parameters] };
  }
  if (left.kind === 'filter' && right.kind === 'filter') {
    const condition = merge(left.condition, right.condition);
    return condition && { kind: 'filter', condition };
  }
  const leftLinks = asLinks(left);
  const rightLinks = asLinks(right);
  if (leftLinks !== undefined && rightLinks !== undefined) {
    const selves = [...new Set([...leftLinks.selves, ...rightLinks.selves])];
    return { kind: 'linked', groups: [...leftLinks.groups, ...rightLinks.groups], selves };
  }
  return isSame(left, right) ? left : undefined;
}

function asLinks(condition: Condition): Extract<Condition, { kind: 'linked' }> | undefined {
  if (condition.kind === 'linked') return condition;
  if (condition.kind !== 'reference') return undefined;
  return { kind: 'linked', groups: [condition], selves: [] };
}

const isSame = (left: unknown, right: unknown): boolean => JSON.stringify(left) === JSON.stringify(right);

/** The hash by which references to `type`/`id` are found. */
export const targetOf = ({ hasher }: Planning, { type, id }: { type: string; id: string }): string =>
  selfHash(hasher, type, id);
