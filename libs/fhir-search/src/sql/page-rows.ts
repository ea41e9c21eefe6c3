/**
 * The rows of a page, in order, at most one more than the page holds. Where the order allows it an index is walked in
 * that order, so that the newest twenty of a million cost as much as the newest twenty of a hundred:
 *
 * - no key, `_id` or `_lastUpdated`: indexes of `resource`, for several types those of each type;
 * - no key and nothing but a string: as many as have the text, or the type in order when those are too many (`stringEntry`);
 * - one string, date or number key: the index of its side table, or for the main date of the type and a reference
 *   (Observations of a patient by date) the index on references, which carries that date (`valueWalk`);
 * - several keys, the first of them one of these: the same, as far as the page needs it, and a sort (`tieWalk`);
 * - everything else (tokens and references): the matching resources are sorted.
 */
import type { SearchPlan } from '../search-plan.js';
import { behind, orderBy } from './order.js';
import type { Parameters } from './parameters.js';
import { onlyString, sortsMatches, walksTypes } from './plan-choice.js';
import {
  idColumn,
  indent,
  isSideKey,
  matches,
  matchesOfType,
  orderColumn,
  select,
  upToPage,
  window,
} from './select.js';
import { columnValue, isColumn, sortValue } from './sort-value.js';
import { stringEntry } from './string-entry.js';
import { tieWalk } from './tie-walk.js';
import { valueWalk } from './value-walk.js';

/** The columns of `resource` that an answer is made of, `last_updated` as it is stored; then the keys `s1`..`sN`. */
const answerColumns = ['id', 'type', 'fhir_id', 'version', 'last_updated', 'body', 'extended_meta'].map(
  (column) => `r.${column}`,
);

export function pageRows(plan: SearchPlan, parameters: Parameters): string {
  const text = onlyString(plan);
  if (text !== undefined) return stringEntry(plan, text, answerColumns, parameters);
  if (plan.order.every(isColumn)) return resourceWalk(plan, parameters);
  const [key] = plan.order;
  if (key === undefined || !isSideKey(key)) return withBodies(plan, sorted(plan, parameters));
  const isSingle = plan.order.length === 1;
  return withBodies(plan, isSingle ? valueWalk(plan, key, parameters) : tieWalk(plan, key, parameters));
}

/** Fetches the resources of narrow rows, so that no body is carried through a sort or a union. */
function withBodies(plan: SearchPlan, rows: string): string {
  const keys = plan.order.map((_, index) => `p.s${index + 1}`);
  return select([...answerColumns, ...keys], `(\n${indent(rows)}\n) p JOIN resource r ON r.id = p.id`);
}

/**
 * Every key is a column of `resource`. The bodies come along: a second look at the same table would cost more planning
 * than it saves.
 */
function resourceWalk(plan: SearchPlan, parameters: Parameters): string {
  const keys = plan.order.filter(isColumn).map((key) => orderColumn(key, columnValue(key), false));
  const all = [...keys, idColumn(sortsMatches(plan) ? 'r.id + 0' : 'r.id', plan.order)];
  const position = plan.after === undefined ? [] : [behind(all, plan.after, parameters)];
  const columns = [...answerColumns, ...keys.map(({ expression }, index) => `${expression} AS s${index + 1}`)];
  if (!walksTypes(plan)) {
    const where = [...matches(plan.where, plan, parameters), ...position];
    return select(columns, 'resource r', where, orderBy(all), window(plan, parameters));
  }
  const types = `unnest(${parameters.add(plan.types, 'text[]')}) AS t(type)`;
  const where = [...matchesOfType('t.type', plan.where, parameters), ...position];
  const ofType = select(answerColumns, 'resource r', where, orderBy(all), `LIMIT ${upToPage(plan, parameters)}`);
  const from = `${types} CROSS JOIN LATERAL (\n${indent(ofType)}\n) r`;
  return select(columns, from, [], orderBy(all), window(plan, parameters));
}

/** The value of each key is looked up per matching resource, and the result is sorted. */
function sorted(plan: SearchPlan, parameters: Parameters): string {
  const values = plan.order.map((key, index) => `${sortValue(key, parameters)} AS s${index + 1}`);
  const rows = select(['r.id', ...values], 'resource r', matches(plan.where, plan, parameters));
  const columns = [
    ...plan.order.map((key, index) => orderColumn(key, `m.s${index + 1}`, !isColumn(key))),
    idColumn('m.id', plan.order),
  ];
  const position = plan.after === undefined ? [] : [behind(columns, plan.after, parameters)];
  return select(['m.*'], `(\n${indent(rows)}\n) m`, position, orderBy(columns), window(plan, parameters));
}
