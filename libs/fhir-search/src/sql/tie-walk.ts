/**
 * The page of a search that is ordered by several keys, the first of them a string, date or number: a walk along the
 * index of the first key finds the few resources among which the page is, all that are level with the last of them
 * included, and only these are sorted by all keys. As narrow rows `id`, `s1`..`sN`.
 */
import type { SearchPlan } from '../search-plan.js';
import { behind, orderBy } from './order.js';
import type { Parameters } from './parameters.js';
import { idColumn, indent, matches, orderColumn, select, upToPage, window, type SideKey } from './select.js';
import { isColumn, sortValue } from './sort-value.js';
import { walkedSources, type Source } from './value-walk.js';

export function tieWalk(plan: SearchPlan, key: SideKey, parameters: Parameters): string {
  const { sources, others } = walkedSources(plan, key, parameters);
  const shared = matches(others, plan, parameters);
  const needed = upToPage(plan, parameters);
  const first = plan.after?.values[0];

  const rows = (source: Source, extra: readonly string[], order = '', limit = '') =>
    select(
      [`${source.id} AS id`, `${source.value} AS s1`],
      source.from,
      [...source.where, ...shared, ...extra],
      order,
      limit,
    );
  const parts: string[] = [];
  const names: string[] = [];
  const part = (name: string, selects: readonly string[]) => {
    parts.push(
      `${name} AS MATERIALIZED (\n${indent(selects.map((text) => `(\n${indent(text)}\n)`).join('\nUNION\n'))}\n)`,
    );
    names.push(name);
  };

  // Behind a resource without a value there are none with one.
  if (first !== null) {
    const placeholder = first === undefined ? undefined : parameters.add(first, orderColumn(key, '', false).type);
    const further = (value: string) =>
      placeholder === undefined ? [] : [`${value} ${key.descending ? '<' : '>'} ${placeholder}`];
    part(
      'further',
      sources.withValue.map((source) =>
        rows(
          source,
          further(source.value),
          orderBy([{ expression: source.value, descending: key.descending, nullable: false }]),
          `FETCH FIRST (${needed}) ROWS WITH TIES`,
        ),
      ),
    );
    if (placeholder !== undefined) {
      part(
        'level',
        sources.withValue.map((source) => rows(source, [`${source.value} = ${placeholder}`])),
      );
    }
  }
  const isNeeded = first === null ? [] : [`(SELECT count(*) FROM further) < ${needed}`];
  part(
    'valueless',
    sources.withoutValue.map((source) => rows(source, isNeeded)),
  );

  const candidates = names.map((name) => `SELECT id, s1 FROM ${name}`).join(' UNION ALL ');
  const values = plan.order.slice(1).map((other, index) => `${sortValue(other, parameters)} AS s${index + 2}`);
  const valued = select(['r.id', 'c.s1', ...values], `(${candidates}) c JOIN resource r ON r.id = c.id`);
  const columns = [
    ...plan.order.map((other, index) => orderColumn(other, `m.s${index + 1}`, !isColumn(other))),
    idColumn('m.id', plan.order),
  ];
  const position = plan.after === undefined ? [] : [behind(columns, plan.after, parameters)];
  const page = select(['m.*'], `(\n${indent(valued)}\n) m`, position, orderBy(columns), window(plan, parameters));
  return `WITH ${parts.join(', ')}\n${page}`;
}
