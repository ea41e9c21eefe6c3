import type { IndexRows } from '#fhir-search';
import { plainArray, textArray } from './array-literal.js';

/**
 * CTEs that write the ordered index rows of the resources a statement writes. `from` is a CTE that has rows only when
 * the resources are written, `resourceId` gives the number of the resource that the index row `v` belongs to, and
 * `first` is the position of the first of the parameters that `indexArrays` gives.
 */
export function insertIndexRows(from: string, resourceId: string, first: number): string {
  const $ = (offset: number) => `$${first + offset}`;
  return `reference_rows AS (
  INSERT INTO resource_reference (target, parameter, ord, resource_id)
  SELECT v.target, v.parameter, v.ord, ${resourceId}
  FROM ${from}, unnest(${$(0)}::int4[], ${$(1)}::int4[], ${$(2)}::uuid[], ${$(3)}::timestamptz[]) AS v (row, parameter, target, ord)
), string_rows AS (
  INSERT INTO resource_string (parameter, value, original, resource_id)
  SELECT v.parameter, v.value, v.original, ${resourceId}
  FROM ${from}, unnest(${$(4)}::int4[], ${$(5)}::int4[], ${$(6)}::text[], ${$(7)}::text[]) AS v (row, parameter, value, original)
), date_rows AS (
  INSERT INTO resource_date (parameter, irregular, lower, upper, resource_id)
  SELECT v.parameter, v.irregular, v.lower, v.upper, ${resourceId}
  FROM ${from}, unnest(${$(8)}::int4[], ${$(9)}::int4[], ${$(10)}::bool[], ${$(11)}::timestamptz[], ${$(12)}::timestamptz[])
    AS v (row, parameter, irregular, lower, upper)
), number_rows AS (
  INSERT INTO resource_number (parameter, node, irregular, scope, lower, upper, resource_id, marks)
  SELECT v.parameter, v.node, v.irregular, v.scope, v.lower, v.upper, ${resourceId}, nullif(v.marks, '')::uuid[]
  FROM ${from}, unnest(${$(13)}::int4[], ${$(14)}::int4[], ${$(15)}::int2[], ${$(16)}::bool[], ${$(17)}::uuid[],
    ${$(18)}::float8[], ${$(19)}::float8[], ${$(20)}::text[]) AS v (row, parameter, node, irregular, scope, lower, upper, marks)
), text_rows AS (
  INSERT INTO resource_text (resource_id, words)
  SELECT ${resourceId}, v.words::tsvector FROM ${from}, unnest(${$(21)}::int4[], ${$(22)}::text[]) AS v (row, words)
)`;
}

/** The values for `insertIndexRows`; the rows of the n-th element of `indexes` carry the row number n, from 1. */
export function indexArrays(indexes: readonly IndexRows[]): string[] {
  const numbered = <Row>(rowsOf: (index: IndexRows) => readonly Row[]) =>
    indexes.flatMap((index, position) => rowsOf(index).map((row) => ({ row, number: position + 1 })));
  const references = numbered((index) => index.references);
  const strings = numbered((index) => index.strings);
  const dates = numbered((index) => index.dates);
  const numbers = numbered((index) => index.numbers);
  const texts = numbered((index) => (index.words === '' ? [] : [index.words]));
  return [
    plainArray(references.map(({ number }) => number)),
    plainArray(references.map(({ row }) => row.parameter)),
    plainArray(references.map(({ row }) => row.target)),
    plainArray(references.map(({ row }) => row.ord)),
    plainArray(strings.map(({ number }) => number)),
    plainArray(strings.map(({ row }) => row.parameter)),
    textArray(strings.map(({ row }) => row.value)),
    textArray(strings.map(({ row }) => row.original)),
    plainArray(dates.map(({ number }) => number)),
    plainArray(dates.map(({ row }) => row.parameter)),
    plainArray(dates.map(({ row }) => (row.irregular ? 't' : 'f'))),
    plainArray(dates.map(({ row }) => row.lower)),
    plainArray(dates.map(({ row }) => row.upper)),
    plainArray(numbers.map(({ number }) => number)),
    plainArray(numbers.map(({ row }) => row.parameter)),
    plainArray(numbers.map(({ row }) => row.node)),
    plainArray(numbers.map(({ row }) => (row.irregular ? 't' : 'f'))),
    plainArray(numbers.map(({ row }) => row.scope)),
    plainArray(numbers.map(({ row }) => row.lower)),
    plainArray(numbers.map(({ row }) => row.upper)),
    textArray(numbers.map(({ row }) => (row.marks.length === 0 ? '' : plainArray(row.marks)))),
    plainArray(texts.map(({ number }) => number)),
    textArray(texts.map(({ row }) => row)),
  ];
}
