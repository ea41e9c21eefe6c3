/**
 * Conditions on `resource_number` as SQL. Rows that are not `irregular` are a single number and the only ones of their
 * resource, parameter and scope. They are found by `lower` alone, and several conditions on one parameter and scope must
 * hold on the same row: `ge5` and `lt10` read the rows between the two and no others. The few irregular rows are entered
 * by `upper`, in an index of their own, where a condition bounds it from below.
 */
import type { Condition, NumberBounds } from '../search-plan.js';
import type { Parameters } from './parameters.js';

type NumberCondition = Extract<Condition, { kind: 'number' }>;
type PairCondition = Extract<Condition, { kind: 'number-pair' }>;

/** The predicates over `r` for all conditions of the kind, which must all hold. */
export function numberPredicates(conditions: readonly NumberCondition[], parameters: Parameters): string[] {
  return conditions.map((condition) => {
    const rows = condition.anyOf.map((bounds) => rowPredicate('x', bounds, together(bounds, conditions), parameters));
    return `r.id IN (SELECT x.resource_id FROM resource_number x WHERE ${anyOf(rows)})`;
  });
}

/** The two rows come from one node of the resource. */
export function numberPairPredicate({ anyOf: pairs }: PairCondition, parameters: Parameters): string {
  const rows = pairs.map(
    ([first, second]) =>
      `(${rowPredicate('x', first, [first], parameters)} AND ${rowPredicate('y', second, [second], parameters)})`,
  );
  return (
    'r.id IN (SELECT x.resource_id FROM resource_number x JOIN resource_number y ' +
    `ON y.resource_id = x.resource_id AND y.node = x.node WHERE ${anyOf(rows)})`
  );
}

/** The bounds that a regular row of this parameter and scope must satisfy at once: those of conditions without a choice. */
function together(bounds: NumberBounds, conditions: readonly NumberCondition[]): NumberBounds[] {
  const others = conditions.flatMap(({ anyOf: [only, ...choice] }) => (only && choice.length === 0 ? [only] : []));
  const same = others.filter(({ parameter, scope }) => parameter === bounds.parameter && scope === bounds.scope);
  return [bounds, ...same.filter((other) => other !== bounds)];
}

function rowPredicate(
  row: 'x' | 'y',
  bounds: NumberBounds,
  allBounds: readonly NumberBounds[],
  parameters: Parameters,
): string {
  const { parameter, scope, marks, lower, upper } = bounds;
  const place = [
    `${row}.parameter = ${parameters.add(parameter, 'int4')}`,
    `${row}.scope = ${parameters.add(scope, 'uuid')}`,
  ];
  const marked = marks.length === 0 ? [] : [`${row}.marks @> ${parameters.add(marks, 'uuid[]')}`];
  const between = (column: string, from: number, to: number): string[] => [
    ...(from === -Infinity ? [] : [`${row}.${column} >= ${parameters.add(String(from), 'float8')}`]),
    ...(to === Infinity ? [] : [`${row}.${column} <= ${parameters.add(String(to), 'float8')}`]),
  ];
  // No row ends before it starts, so `upper` bounds `lower` from above too.
  const entry = between('lower', lower[0], Math.min(lower[1], upper[1]));
  if (allBounds.length === 1 && upper[0] <= lower[0]) {
    const rest = upper[1] < Infinity ? between('upper', -Infinity, upper[1]) : [];
    return all([...place, ...entry, ...rest, ...marked]);
  }
  const from = Math.max(...allBounds.flatMap((each) => [each.lower[0], each.upper[0]]));
  const to = Math.min(...allBounds.flatMap((each) => [each.lower[1], each.upper[1]]));
  const regular = all([`NOT ${row}.irregular`, ...between('lower', from, to)]);
  const irregular = all([`${row}.irregular`, ...between('upper', upper[0], upper[1]), ...entry]);
  return all([...place, `(${regular} OR ${irregular})`, ...marked]);
}

const all = (predicates: readonly string[]): string => `(${predicates.join(' AND ')})`;

const anyOf = (alternatives: readonly string[]): string =>
  alternatives.length === 1 ? (alternatives[0] ?? 'false') : `(${alternatives.join(' OR ')})`;
