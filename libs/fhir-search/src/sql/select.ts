/** Small builders of SELECT text that the walks share. */
import type { Condition, OrderKey, SearchPlan } from '../search-plan.js';
import { anyScope } from '../number-scopes.js';
import { predicates } from './conditions.js';
import { columnType, tieDescending, type OrderColumn } from './order.js';
import { isOfType } from './of-type.js';
import type { Parameters } from './parameters.js';

/** A key that is no column of `resource`. */
export type SideKey = Extract<OrderKey, { by: 'string' | 'date' | 'number' }>;

export function isSideKey(key: OrderKey): key is SideKey {
  return key.by in sideTables;
}

/**
 * `places` are the columns by which rows are told apart: no two rows of a resource and parameter are equal in all of them.
 * `onlyOne` says that row `k` is known to be the only one of its resource and parameter.
 */
export const sideTables = {
  string: {
    table: 'resource_string',
    column: 'value',
    places: ['value', 'original'],
    onlyOne: undefined,
  },
  date: {
    table: 'resource_date',
    column: 'lower',
    places: ['lower', 'upper'],
    onlyOne: 'NOT k.irregular',
  },
  number: {
    table: 'resource_number',
    column: 'lower',
    places: ['lower', 'upper'],
    onlyOne: 'NOT k.irregular',
  },
} as const;

/** The predicate that a row (by its alias) of the key's table belongs to the key. */
export function rowsOfKey(key: SideKey, parameters: Parameters): (alias: string) => string {
  const number = parameters.add(key.parameter, 'int4');
  if (key.by !== 'number') return (alias) => `${alias}.parameter = ${number}`;
  // Numbers of all units stand together in one scope, as they are written.
  const scope = parameters.add(anyScope, 'uuid');
  return (alias) => `${alias}.parameter = ${number} AND ${alias}.scope = ${scope}`;
}

export function select(
  columns: readonly string[],
  from: string,
  where: readonly string[] = [],
  order = '',
  limit = '',
): string {
  const lines = [`SELECT ${columns.join(', ')}`, `FROM ${from}`];
  if (where.length > 0) lines.push(`WHERE ${where.join('\n  AND ')}`);
  return [...lines, order, limit].filter((line) => line !== '').join('\n');
}

/** What every row `r` must satisfy: the type, not deleted, the conditions. */
export function matches(where: readonly Condition[], plan: SearchPlan, parameters: Parameters): string[] {
  const [only] = plan.types;
  const type = plan.types.length === 1 ? parameters.add(only, 'text') : `ANY(${parameters.add(plan.types, 'text[]')})`;
  return matchesOfType(type, where, parameters);
}

/** The same for the type that an expression gives. */
export function matchesOfType(type: string, where: readonly Condition[], parameters: Parameters): string[] {
  return [isOfType(type, where), 'NOT r.deleted', ...predicates(where, parameters)];
}

/**
 * The page size stands in the text as a number, because the planner decides by it between walking in order and sorting,
 * and clients use few different ones. Offsets are as many as pages, so they are parameters.
 */
export function window({ count, offset }: SearchPlan, parameters: Parameters): string {
  return `LIMIT ${count + 1}${offset > 0 ? ` OFFSET ${parameters.add(offset, 'int8')}` : ''}`;
}

/** So many rows as the page, all before it, and one more need. */
export function upToPage({ count, offset }: SearchPlan, parameters: Parameters): string {
  return offset > 0 ? parameters.add(offset + count + 1, 'int8') : `${count + 1}`;
}

export function orderColumn(key: OrderKey, expression: string, nullable: boolean): OrderColumn {
  return { expression, descending: key.descending, type: columnType(key), nullable };
}

/** The creation number, always the last column of an order. */
export function idColumn(expression: string, order: readonly OrderKey[]): OrderColumn {
  return { expression, descending: tieDescending(order), type: 'int8', nullable: false };
}

/** Moves a text that stands within another one to the right. */
export function indent(text: string): string {
  return `  ${text.replaceAll('\n', '\n  ')}`;
}
