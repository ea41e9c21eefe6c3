import { QueryFailedError, type DataSource, type EntityManager } from 'typeorm';
import { Transaction } from './transactions.js';

/**
 * Runs one statement whose values are `$1`, `$2`, … and gives its rows, with columns named as properties
 * (`purge_after` becomes `purgeAfter`). A statement that changes rows says RETURNING when its rows are wanted.
 */
export async function runStatement<Row extends object>(
  dataSource: DataSource,
  transaction: Transaction | undefined,
  text: string,
  values: readonly unknown[] = [],
): Promise<Row[]> {
  const answer: unknown = await withManager(dataSource, transaction, (manager) => manager.query(text, [...values]));
  return rowsOf(answer).map((row) => withPropertyNames(row) as Row);
}

/**
 * Takes the properties that belong to another row out of one that a statement has joined: those whose columns were named
 * by `columnsOf` with this prefix.
 */
export function splitRow<Row extends object>(row: object, prefix: string): Row {
  const start = `${prefix}.`;
  return Object.fromEntries(
    Object.entries(row).flatMap(([name, value]) => (name.startsWith(start) ? [[name.slice(start.length), value]] : [])),
  ) as Row;
}

/** A select list of a table's columns under names that `splitRow` finds again. */
export function columnsOf(table: string, columns: readonly string[], prefix: string): string {
  return columns.map((column) => `${table}.${column} AS "${prefix}.${column}"`).join(', ');
}

/** Runs `work` with TypeORM's entity manager, in the transaction when there is one. */
export async function withManager<T>(
  dataSource: DataSource,
  transaction: Transaction | undefined,
  work: (manager: EntityManager) => Promise<T>,
): Promise<T> {
  try {
    return await work(Transaction.managerOf(dataSource, transaction));
  } catch (error) {
    throw withoutValues(error);
  }
}

/**
 * TypeORM's error carries the statement's parameters, and PostgreSQL's `detail` may quote the failing row: password
 * hashes and sealed secrets, which would then stand in a log. What is left names the code, the table and the constraint.
 */
function withoutValues(error: unknown): unknown {
  if (!(error instanceof QueryFailedError)) return error;
  const cause = error.driverError as Error & { detail?: string; where?: string };
  delete cause.detail;
  delete cause.where;
  return cause;
}

/** TypeORM answers UPDATE and DELETE with a pair of rows and count, everything else with the rows. */
function rowsOf(answer: unknown): Record<string, unknown>[] {
  if (!Array.isArray(answer)) return [];
  const [first, second] = answer as unknown[];
  const isPair = answer.length === 2 && Array.isArray(first) && typeof second === 'number';
  return (isPair ? first : answer) as Record<string, unknown>[];
}

function withPropertyNames(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(row).map(([column, value]) => [
      column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
      value,
    ]),
  );
}
