/**
 * Conditions that combine others, and those that follow references, as SQL predicates over the alias `r` of `resource`.
 *
 * A reference row holds the hash of what it points to, and a resource its own hash in `self`: that is the join. What is
 * asked of the other resource stands in a SELECT of its own, in which `r` is that resource, so that every predicate is
 * written in one way wherever it stands. These SELECTs do not depend on the outer row: PostgreSQL starts at them when
 * they find little, and probes them per row when the rest of the search finds less.
 */
import type { CombiningCondition, Condition, LinkGroup, TargetGroup, TypePlan } from '../search-plan.js';
import { isOfType } from './of-type.js';
import type { Parameters } from './parameters.js';

/** The predicates for conditions that must all hold; passed in, because conditions are made of conditions. */
export type PredicatesOf = (where: readonly Condition[], parameters: Parameters) => string[];

/** The predicate for a combining condition. */
export function joinPredicate(
  condition: CombiningCondition,
  parameters: Parameters,
  predicatesOf: PredicatesOf,
): string {
  switch (condition.kind) {
    case 'and':
      return all(predicatesOf(condition.conditions, parameters));
    case 'or':
      return alternatives(
        condition.conditions.map((part) => ({ where: [part] })),
        parameters,
        predicatesOf,
      );
    case 'not':
      return `NOT ${all(predicatesOf([condition.condition], parameters))}`;
    case 'nothing':
      return 'false';
    case 'of-types':
      return alternatives(condition.plans, parameters, predicatesOf);
    case 'refers-to': {
      const from = `resource r JOIN resource_reference c ON c.target = r.self AND c.parameter = ${parameters.add(condition.parameter, 'int4')}`;
      return `r.id IN (${unionAll(condition.plans.map((plan) => `SELECT c.resource_id FROM ${from} WHERE ${current(plan, parameters, predicatesOf)}`))})`;
    }
    case 'referred-from': {
      const from = `resource r JOIN resource_reference c ON c.resource_id = r.id AND c.parameter = ${parameters.add(condition.parameter, 'int4')}`;
      return `r.self IN (SELECT c.target FROM ${from} WHERE ${current(condition.plan, parameters, predicatesOf)})`;
    }
    case 'linked':
      return `r.id IN (${unionAll([...condition.groups.map((group) => linkedRows(group, parameters)), ...selfRows(condition.selves, parameters)])})`;
    case 'target-of':
      return targetPredicate(condition.groups, condition.resources, parameters);
  }
}

/**
 * PostgreSQL answers alternatives on columns of `resource` from their indexes. When one leads through another table it
 * would look at every resource, unless each is a search of its own.
 */
function alternatives(parts: readonly Alternative[], parameters: Parameters, predicatesOf: PredicatesOf): string {
  const each = parts.map((part) => all(alternative(part, parameters, predicatesOf)));
  const areColumns = parts.every(({ where }) => where.every(({ kind }) => kind === 'token'));
  if (areColumns || !parts.every(({ where }) => where.some(isEntry))) return any(each);
  return `r.id IN (${unionAll(each.map((predicate) => `SELECT r.id FROM resource r WHERE NOT r.deleted AND ${predicate}`))})`;
}

/** Conditions by which no index can be entered when the type is not known. */
const noEntries: ReadonlySet<string> = new Set<Condition['kind']>(['id', 'last-updated', 'not', 'of-types', 'filter']);

/** Whether an index leads to what satisfies the condition, whatever its type. */
function isEntry(condition: Condition): boolean {
  if (condition.kind === 'token') return !condition.negated;
  if (condition.kind === 'and') return condition.conditions.some(isEntry);
  if (condition.kind === 'or') return condition.conditions.every(isEntry);
  return !noEntries.has(condition.kind);
}

/** Conditions that must all hold, of resources of one type if it says so. */
type Alternative = Pick<TypePlan, 'where'> & Partial<Pick<TypePlan, 'type'>>;

function alternative({ type, where }: Alternative, parameters: Parameters, predicatesOf: PredicatesOf): string[] {
  const ofType = type === undefined ? [] : [isOfType(parameters.add(type, 'text'), where)];
  return [...ofType, ...predicatesOf(where, parameters)];
}

const current = (plan: TypePlan, parameters: Parameters, predicatesOf: PredicatesOf): string =>
  ['NOT r.deleted', ...alternative(plan, parameters, predicatesOf)].join(' AND ');

function linkedRows({ parameters: numbers, targets }: LinkGroup, parameters: Parameters): string {
  const target = `c.target = ANY(${parameters.add(targets, 'uuid[]')})`;
  return `SELECT c.resource_id FROM resource_reference c WHERE ${target}${byParameter(numbers, parameters)}`;
}

function selfRows(selves: readonly string[], parameters: Parameters): string[] {
  if (selves.length === 0) return [];
  return [`SELECT r.id FROM resource r WHERE NOT r.deleted AND r.self = ANY(${parameters.add(selves, 'uuid[]')})`];
}

function targetPredicate(groups: readonly TargetGroup[], resources: readonly string[], parameters: Parameters): string {
  const among = `c.resource_id = ANY(${parameters.add(resources, 'int8[]')})`;
  const rows = (group: TargetGroup) => `${among}${byParameter(group.parameters, parameters)}`;
  if (groups.every(({ type }) => type === undefined)) {
    const targets = groups.map((group) => `SELECT c.target FROM resource_reference c WHERE ${rows(group)}`);
    return `r.self IN (${unionAll(targets)})`;
  }
  const join = 'resource_reference c JOIN resource r ON r.self = c.target AND NOT r.deleted';
  const ids = groups.map((group) => {
    const type = group.type === undefined ? '' : ` AND r.type = ${parameters.add(group.type, 'text')}`;
    return `SELECT r.id FROM ${join} WHERE ${rows(group)}${type}`;
  });
  return `r.id IN (${unionAll(ids)})`;
}

function byParameter(numbers: readonly number[] | undefined, parameters: Parameters): string {
  return numbers === undefined ? '' : ` AND c.parameter = ANY(${parameters.add(numbers, 'int4[]')})`;
}

/** Without any part nothing is found. */
const unionAll = (parts: readonly string[]): string => (parts.length === 0 ? 'NULL' : parts.join(' UNION ALL '));

const all = (parts: readonly string[]): string => (parts.length === 0 ? 'true' : `(${parts.join(' AND ')})`);

const any = (parts: readonly string[]): string => (parts.length === 0 ? 'false' : `(${parts.join(' OR ')})`);
