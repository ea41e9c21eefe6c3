/**
 * The order of a plan as SQL: the expression of each key, and the predicate "behind this position". Resources without a
 * value come last in both directions, and the creation number decides between equals, in the direction of the last key,
 * so that an index can be walked either way.
 */
import type { CursorPosition, OrderKey } from '../search-plan.js';
import type { Parameters } from './parameters.js';

/** One column to order by, as an expression that the FROM clause at hand makes meaningful. */
export interface OrderColumn {
  readonly expression: string;
  readonly descending: boolean;
  readonly type: 'text' | 'timestamptz' | 'float8' | 'int8';
  /** False when no row lacks a value, which allows simpler text. */
  readonly nullable: boolean;
}

/** What the values of a key are to PostgreSQL. */
export function columnType({ by }: OrderKey): 'text' | 'timestamptz' | 'float8' {
  switch (by) {
    case 'id':
    case 'string':
    case 'text':
      return 'text';
    case 'number':
      return 'float8';
    case 'date':
    case 'last-updated':
      return 'timestamptz';
  }
}

/** The direction of the final key. */
export function tieDescending(order: readonly OrderKey[]): boolean {
  return order.at(-1)?.descending ?? false;
}

export function orderBy(columns: readonly Omit<OrderColumn, 'type'>[]): string {
  const keys = columns.map(({ expression, descending, nullable }) => {
    const direction = descending ? ' DESC' : '';
    // NULLS LAST is what ascending order does anyway.
    return `${expression}${direction}${descending && nullable ? ' NULLS LAST' : ''}`;
  });
  return `ORDER BY ${keys.join(', ')}`;
}

/** The predicate that a row stands behind `position`; `columns` are those of `orderBy`, the creation number last. */
export function behind(columns: readonly OrderColumn[], position: CursorPosition, parameters: Parameters): string {
  const values = [...position.values, position.id];
  const [first] = columns;
  const sameDirection = columns.every(({ descending, nullable }) => descending === first?.descending && !nullable);
  if (sameDirection) {
    const left = columns.map(({ expression }) => expression).join(', ');
    const right = columns.map(({ type }, index) => parameters.add(values[index], type)).join(', ');
    const row = columns.length === 1 ? [left, right] : [`(${left})`, `(${right})`];
    return row.join(first?.descending ? ' < ' : ' > ');
  }
  return behindMixed(columns, values, parameters);
}

/** Key by key: behind in the first, or equal there and behind in the second, and so on. */
function behindMixed(
  columns: readonly OrderColumn[],
  values: readonly (string | null | undefined)[],
  parameters: Parameters,
): string {
  const [column, ...rest] = columns;
  if (column === undefined) return 'false';
  const { expression, descending, type, nullable } = column;
  const [value, ...otherValues] = values;
  const next = rest.length === 0 ? undefined : behindMixed(rest, otherValues, parameters);
  if (value === null || value === undefined) return `(${expression} IS NULL AND ${next ?? 'false'})`;
  const placeholder = parameters.add(value, type);
  const further = `${expression} ${descending ? '<' : '>'} ${placeholder}`;
  const alternatives = [
    further,
    ...(nullable ? [`${expression} IS NULL`] : []),
    ...(next === undefined ? [] : [`(${expression} = ${placeholder} AND ${next})`]),
  ];
  return `(${alternatives.join(' OR ')})`;
}
