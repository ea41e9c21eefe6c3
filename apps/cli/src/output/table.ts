import { oneLine } from './words.js';

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string | number | null;
}

const longestCell = 100;

/**
 * The rows as lines of columns, with a line of titles. A column of numbers is set to the right, a missing value is a
 * dash, and no cell holds a line break or is longer than a hundred characters.
 */
export function table<Row>(rows: readonly Row[], columns: readonly Column<Row>[]): string[] {
  const values = rows.map((row) => columns.map(({ cell }) => cell(row)));
  const cells = values.map((line) => line.map(cellText));
  const widths = columns.map(({ title }, at) => Math.max(title.length, ...cells.map((line) => line[at]!.length)));
  const isNumeric = columns.map((_, at) => values.some((line) => typeof line[at] === 'number'));
  const join = (line: readonly string[]) =>
    line
      .map((text, at) => (isNumeric[at] === true ? text.padStart(widths[at]!) : text.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd();
  return [join(columns.map(({ title }) => title)), ...cells.map(join)];
}

function cellText(value: string | number | null): string {
  if (value === null || value === '') return '-';
  const text = oneLine(String(value));
  return text.length <= longestCell ? text : `${text.slice(0, longestCell - 1)}…`;
}
