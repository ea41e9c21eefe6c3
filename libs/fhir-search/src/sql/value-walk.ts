/**
 * The page of a search that is ordered by one string or date parameter, as narrow rows `id`, `s1`: a walk along an index
 * that is already in that order. First come the resources with a value; those without are looked for only if the page
 * is not full yet, because finding out that something is absent means looking at every candidate.
 */
import type { Condition, SearchPlan } from '../search-plan.js';
import { behind, columnType, orderBy, type OrderColumn } from './order.js';
import type { Parameters } from './parameters.js';
import { maxWalkedLinks, walkedLinks } from './plan-choice.js';
import {
  idColumn,
  indent,
  matches,
  orderColumn,
  rowsOfKey,
  select,
  sideTables,
  upToPage,
  window,
  type SideKey,
} from './select.js';

type ReferenceCondition = Extract<Condition, { kind: 'reference' }>;

/** A set of rows to walk through: `value` and `id` are expressions over `from`. */
export interface Source {
  readonly from: string;
  readonly where: readonly string[];
  readonly id: string;
  readonly value: string;
}

/** In each part a resource stands once, or more than once with the same value. */
interface Sources {
  readonly withValue: readonly Source[];
  readonly withoutValue: readonly Source[];
}

export function valueWalk(plan: SearchPlan, key: SideKey, parameters: Parameters): string {
  const { sources, others } = walkedSources(plan, key, parameters);
  return walk(plan, key, others, sources, parameters);
}

/** The rows that are in the order of the key, and the conditions that choosing them does not answer already. */
export function walkedSources(
  plan: SearchPlan,
  key: SideKey,
  parameters: Parameters,
): { sources: Sources; others: readonly Condition[] } {
  const driver = key.by === 'date' && key.main ? plan.where.find(isWalkable) : undefined;
  if (driver === undefined) return { sources: sideTableSources(key, parameters), others: plan.where };
  const others = plan.where.filter((condition) => condition !== driver);
  return { sources: referenceSources(key, driver, parameters), others };
}

function isWalkable(condition: Condition): condition is ReferenceCondition {
  return condition.kind === 'reference' && walkedLinks(condition) <= maxWalkedLinks;
}

/** The side table of the key leads; a resource with several values stands at the one that comes first in the order. */
function sideTableSources(key: SideKey, parameters: Parameters): Sources {
  const { table, column, places, onlyOne } = sideTables[key.by];
  const ofKey = rowsOfKey(key, parameters);
  const rowOf = (id: string) => `SELECT FROM ${table} l WHERE l.resource_id = ${id} AND ${ofKey('l')}`;
  const place = (row: string) => `(${places.map((name) => `${row}.${name}`).join(', ')})`;
  const before = `${place('l')} ${key.descending ? '>' : '<'} ${place('k')}`;
  const first = `NOT EXISTS (${rowOf('k.resource_id')} AND ${before})`;
  return {
    withValue: [
      {
        from: `${table} k JOIN resource r ON r.id = k.resource_id`,
        where: [ofKey('k'), onlyOne === undefined ? first : `(${onlyOne} OR ${first})`],
        id: 'k.resource_id',
        value: `k.${column}`,
      },
    ],
    withoutValue: [{ from: 'resource r', where: [`NOT EXISTS (${rowOf('r.id')})`], id: 'r.id', value: noValue(key) }],
  };
}

/** The references to the targets lead; `ord` holds the value of the key. */
function referenceSources(
  key: SideKey,
  { parameters: numbers, targets }: ReferenceCondition,
  parameters: Parameters,
): Sources {
  const from = 'resource_reference k JOIN resource r ON r.id = k.resource_id';
  const of = numbers.flatMap((number) => {
    const by = `k.parameter = ${parameters.add(number, 'int4')}`;
    return targets.map((target) => [`k.target = ${parameters.add(target, 'uuid')}`, by]);
  });
  const id = 'k.resource_id';
  return {
    withValue: of.map((rows) => ({ from, where: [...rows, 'k.ord IS NOT NULL'], id, value: 'k.ord' })),
    withoutValue: of.map((rows) => ({ from, where: [...rows, 'k.ord IS NULL'], id, value: noValue(key) })),
  };
}

const noValue = (key: SideKey) => `NULL::${columnType(key)}`;

function walk(
  plan: SearchPlan,
  key: SideKey,
  where: readonly Condition[],
  { withValue, withoutValue }: Sources,
  parameters: Parameters,
): string {
  const { after } = plan;
  const shared = matches(where, plan, parameters);
  const needed = upToPage(plan, parameters);
  const merged = [orderColumn(key, 's1', true), idColumn('id', plan.order)];
  const byId = (source: Source) => [idColumn(source.id, plan.order)];
  const byValue = (source: Source) => [orderColumn(key, source.value, false), ...byId(source)];

  const rows = (
    sources: readonly Source[],
    order: (source: Source) => OrderColumn[],
    extra: (source: Source) => string[],
  ) =>
    union(
      sources.map((source) => {
        const columns = [`${source.id} AS id`, `${source.value} AS s1`];
        const conditions = [...source.where, ...shared, ...extra(source)];
        return select(columns, source.from, conditions, orderBy(order(source)), `LIMIT ${needed}`);
      }),
      `${orderBy(merged)}\nLIMIT ${needed}`,
    );

  if (after !== undefined && after.values[0] === null) {
    // The cursor stands among the resources without a value, so all that have one are behind us.
    const position = { values: [], id: after.id };
    return rows(withoutValue, byId, (source) => [behind(byId(source), position, parameters)]);
  }
  const valued = rows(withValue, byValue, (source) =>
    after === undefined ? [] : [behind(byValue(source), after, parameters)],
  );
  const rest = rows(withoutValue, byId, () => [`(SELECT count(*) FROM valued) < ${needed}`]);
  const both = `(\n  SELECT id, s1 FROM valued\n  UNION ALL\n  (\n${indent(indent(rest))}\n  )\n) b`;
  return `WITH valued AS MATERIALIZED (
${indent(valued)}
)
${select(['id', 's1'], both, [], orderBy(merged), window(plan, parameters))}`;
}

/** The rows of all parts, each once, in `order`. A single part is in order already. */
function union(parts: readonly string[], order: string): string {
  const [only] = parts;
  if (parts.length === 1 && only !== undefined) return only;
  const all = parts.map((part) => `  (\n${indent(indent(part))}\n  )`).join('\n  UNION\n');
  return `${select(['id', 's1'], `(\n${all}\n) t`)}\n${order}`;
}
