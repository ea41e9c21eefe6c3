/**
 * The ordered index rows of the resources that a statement writes. Most resources have rows in two or three of the five
 * tables, and each table that a statement names costs it 20 µs even when there is nothing for it (measured), so a
 * statement is made for each set of tables that occurs, and named by it.
 */
import type { IndexRows } from '#fhir-search';
import { plainArray, textArray } from './array-literal.js';

/** A table of index rows: how the rows of a statement's resources are written to it. */
interface IndexTable {
  /** The columns of the table but `resource_id`, and what stands in them. */
  readonly columns: string;
  readonly expressions: string;
  /** The types of the arrays that the rows come as, and the names of their columns. The first is the resource's number. */
  readonly arrays: readonly string[];
  readonly names: string;
  /** The arrays for `indexes`, of which the n-th has the number n, from 1; undefined when there is no row. */
  values(indexes: readonly IndexRows[]): string[] | undefined;
}

interface Numbered<Row> {
  readonly row: Row;
  readonly number: number;
}

/** Makes the arrays of a table from those of its rows, unless there is none. */
function arraysOf<Row>(
  rowsOf: (index: IndexRows) => readonly Row[],
  arrays: (rows: readonly Numbered<Row>[]) => string[],
): IndexTable['values'] {
  return (indexes) => {
    const rows = indexes.flatMap((index, position) => rowsOf(index).map((row) => ({ row, number: position + 1 })));
    return rows.length === 0 ? undefined : [plainArray(rows.map(({ number }) => number)), ...arrays(rows)];
  };
}

const tables = {
  resource_reference: {
    columns: 'target, parameter, ord',
    expressions: 'v.target, v.parameter, v.ord',
    arrays: ['int4', 'int4', 'uuid', 'timestamptz'],
    names: 'row, parameter, target, ord',
    values: arraysOf(
      ({ references }) => references,
      (rows) => [
        plainArray(rows.map(({ row }) => row.parameter)),
        plainArray(rows.map(({ row }) => row.target)),
        plainArray(rows.map(({ row }) => row.ord)),
      ],
    ),
  },
  resource_string: {
    columns: 'parameter, value, original',
    expressions: 'v.parameter, v.value, v.original',
    arrays: ['int4', 'int4', 'text', 'text'],
    names: 'row, parameter, value, original',
    values: arraysOf(
      ({ strings }) => strings,
      (rows) => [
        plainArray(rows.map(({ row }) => row.parameter)),
        textArray(rows.map(({ row }) => row.value)),
        textArray(rows.map(({ row }) => row.original)),
      ],
    ),
  },
  resource_date: {
    columns: 'parameter, irregular, lower, upper',
    expressions: 'v.parameter, v.irregular, v.lower, v.upper',
    arrays: ['int4', 'int4', 'bool', 'timestamptz', 'timestamptz'],
    names: 'row, parameter, irregular, lower, upper',
    values: arraysOf(
      ({ dates }) => dates,
      (rows) => [
        plainArray(rows.map(({ row }) => row.parameter)),
        plainArray(rows.map(({ row }) => (row.irregular ? 't' : 'f'))),
        plainArray(rows.map(({ row }) => row.lower)),
        plainArray(rows.map(({ row }) => row.upper)),
      ],
    ),
  },
  resource_number: {
    columns: 'parameter, node, irregular, scope, lower, upper, marks',
    expressions: "v.parameter, v.node, v.irregular, v.scope, v.lower, v.upper, nullif(v.marks, '')::uuid[]",
    arrays: ['int4', 'int4', 'int2', 'bool', 'uuid', 'float8', 'float8', 'text'],
    names: 'row, parameter, node, irregular, scope, lower, upper, marks',
    values: arraysOf(
      ({ numbers }) => numbers,
      (rows) => [
        plainArray(rows.map(({ row }) => row.parameter)),
        plainArray(rows.map(({ row }) => row.node)),
        plainArray(rows.map(({ row }) => (row.irregular ? 't' : 'f'))),
        plainArray(rows.map(({ row }) => row.scope)),
        plainArray(rows.map(({ row }) => row.lower)),
        plainArray(rows.map(({ row }) => row.upper)),
        textArray(rows.map(({ row }) => (row.marks.length === 0 ? '' : plainArray(row.marks)))),
      ],
    ),
  },
  resource_text: {
    columns: 'words',
    expressions: 'v.words::tsvector',
    arrays: ['int4', 'text'],
    names: 'row, words',
    values: arraysOf(
      ({ words }) => (words === '' ? [] : [words]),
      (rows) => [textArray(rows.map(({ row }) => row))],
    ),
  },
} as const satisfies Record<string, IndexTable>;

export type IndexTableName = keyof typeof tables;
const tableNames = Object.keys(tables) as IndexTableName[];

/** The index rows of the resources of one statement. */
export interface WrittenRows {
  /** The tables that get any, in the order of `values`. */
  readonly tables: readonly IndexTableName[];
  readonly values: readonly string[];
}

/** The rows of `indexes`, whose n-th element belongs to the statement's resource number n, from 1. */
export function writtenRows(indexes: readonly IndexRows[]): WrittenRows {
  const found: IndexTableName[] = [];
  const values: string[] = [];
  for (const name of tableNames) {
    const arrays = tables[name].values(indexes);
    if (arrays === undefined) continue;
    found.push(name);
    values.push(...arrays);
  }
  return { tables: found, values };
}

/** No rows for these tables: for a statement that is prepared before its rows are known. */
export const noRows = (names: readonly IndexTableName[]): WrittenRows => ({
  tables: names,
  values: names.flatMap((name) => tables[name].arrays.map(() => '{}')),
});

/**
 * CTEs, each behind a comma, that write the rows. `from` is a CTE that has rows only when the resources are written,
 * `resourceId` gives the id of the resource that the index row `v` belongs to, and `first` is the position of the first
 * of the parameters, which are the `values` of the rows.
 */
function insertIndexRows(written: readonly IndexTableName[], from: string, resourceId: string, first: number): string {
  let next = first;
  return written
    .map((name) => {
      const { columns, expressions, arrays, names } = tables[name];
      const parameters = arrays.map((type) => `$${next++}::${type}[]`).join(', ');
      return `, ${name}_rows AS (
  INSERT INTO ${name} (${columns}, resource_id)
  SELECT ${expressions}, ${resourceId} FROM ${from}, unnest(${parameters}) AS v (${names})
)`;
    })
    .join('');
}

/** A statement that writes index rows, as it is named and prepared for each set of tables that gets some. */
export function statementsByTables(options: {
  readonly name: string;
  /** See `insertIndexRows`. */
  readonly from: string;
  readonly resourceId: string;
  readonly first: number;
  /** The text around the CTEs that write the rows. */
  readonly text: (insertRows: string) => string;
}): (rows: WrittenRows) => { name: string; text: string } {
  const { name, from, resourceId, first, text } = options;
  const made = new Map<string, { name: string; text: string }>();
  return ({ tables: written }) => {
    const key = written.map((table) => tableNames.indexOf(table)).join('');
    const known = made.get(key);
    if (known !== undefined) return known;
    const statement = { name: `${name}_${key}`, text: text(insertIndexRows(written, from, resourceId, first)) };
    made.set(key, statement);
    return statement;
  };
}
