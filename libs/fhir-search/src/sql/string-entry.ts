/**
 * The page of a search that asks for one string and nothing else (`name=bauer`), in the order of creation. Nobody knows
 * beforehand how many resources have the text, and each of the two ways to the page is a disaster in the other's case: to
 * collect all that have it, or to walk through the type and ask each resource. So the statement collects up to a limit,
 * and walks only when it has met the limit. It can be prepared: nothing in it depends on what the planner believes.
 */
import type { SearchPlan } from '../search-plan.js';
import { stringRows } from './conditions.js';
import { behind, orderBy } from './order.js';
import type { Parameters } from './parameters.js';
import type { StringCondition } from './plan-choice.js';
import { idColumn, indent, select, upToPage, window } from './select.js';

/** To collect so many takes 2 ms; from here on a walk meets the resources of the page soon enough. */
const most = 10_000;

/** The rows of the page with these columns of the resource `r`. */
export function stringEntry(
  plan: SearchPlan,
  condition: StringCondition,
  columns: readonly string[],
  parameters: Parameters,
): string {
  const rows = stringRows(condition, parameters);
  const id = idColumn('r.id', plan.order);
  const current = [`r.type = ${parameters.add(plan.types[0], 'text')}`, 'NOT r.deleted'];
  const position = plan.after === undefined ? [] : [behind([id], plan.after, parameters)];
  const limit = `LIMIT ${upToPage(plan, parameters)}`;

  const collected = `(SELECT DISTINCT unnest(ids) AS id FROM few WHERE cardinality(ids) <= ${most} ORDER BY 1) f`;
  // OFFSET 0 keeps the planner from turning looks at one row after the other into a join in an order of its own.
  const one = select(columns, 'resource r', ['r.id = f.id', ...current, ...position], '', 'OFFSET 0');
  const few = select(['r.*'], `${collected} CROSS JOIN LATERAL (\n${indent(one)}\n) r`, [], 'ORDER BY f.id', limit);
  const hasText = `EXISTS (SELECT FROM ${rows} AND x.resource_id = r.id OFFSET 0)`;
  const areMore = `(SELECT cardinality(ids) > ${most} FROM few)`;
  const walked = select(columns, 'resource r', [areMore, ...current, ...position, hasText], orderBy([id]), limit);
  const either = [few, walked].map((part) => `  (\n${indent(indent(part))}\n  )`).join('\n  UNION ALL\n');
  // An array, because a row for each would be written down and read again twice, which takes half as long as finding them.
  return `WITH few AS MATERIALIZED (
  SELECT ARRAY(SELECT x.resource_id FROM ${rows} LIMIT ${most + 1}) AS ids
)
${select(['r.*'], `(\n${either}\n) r`, [], orderBy([id]), window(plan, parameters))}`;
}
