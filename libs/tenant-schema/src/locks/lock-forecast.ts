import { type Blocked, blockedBy, type LockMode } from './lock-modes.js';
import { type Hazard, type LockRow, lockRows } from './lock-rows.js';
import { parseStatements } from './parse-statement.js';
import type { Touch } from './touch.js';
import { touchesOf } from './touches.js';

/** What a statement does to one object while it runs and, in a transactional step, until the step ends. */
export interface LockForecast {
  /** The kind of statement, or of a part of it: `ALTER TABLE ADD COLUMN`. */
  readonly statement: string;
  /** The table, index or other object; null when the text does not name it. */
  readonly object: string | null;
  /** The strongest lock on it; null when there is none that others could wait for. */
  readonly lock: LockMode | null;
  /** What of the project's traffic waits meanwhile. */
  readonly blocks: Blocked;
  /** Whether the whole table is read while the lock is held, which takes as long as the table is large. */
  readonly scans: boolean;
  /** Whether the whole table, or the index, is written anew while the lock is held. */
  readonly rewrites: boolean;
  /** What makes it unfit for a database in use; null when nothing does. */
  readonly hazard: Hazard | null;
  /** What to know, and what to do instead where something is better; may be empty. */
  readonly note: string;
  /** PostgreSQL's documentation of it. */
  readonly page: string;
}

/** The forecast of one statement of a migration. */
export interface StatementForecast {
  /** Its place in the migration, from 1. */
  readonly number: number;
  readonly text: string;
  readonly locks: readonly LockForecast[];
}

/**
 * Which locks a text of SQL takes, statement by statement and object by object, as
 * https://www.postgresql.org/docs/18/explicit-locking.html and the pages of the statements say. Decided by the text alone:
 * a statement that the table of locks does not know, or that runs code, is expected to take the strongest. Rejects with
 * the grammar's message when the text is no SQL.
 */
export async function lockForecast(text: string): Promise<LockForecast[]> {
  return (await parseStatements(text)).flatMap(touchesOf).map((touch) => forecastOf(touch, false));
}

/**
 * The same for the statements of a whole migration: what happens to tables and other objects that the migration itself
 * makes blocks nobody.
 */
export async function stepForecast(statements: readonly string[]): Promise<StatementForecast[]> {
  const made = new Set<string>();
  const forecasts: StatementForecast[] = [];
  for (const [index, text] of statements.entries()) {
    const touches = (await parseStatements(text)).flatMap(touchesOf);
    for (const { isNew, object } of touches) if (isNew === true && object !== null) made.add(object);
    const locks = touches.map((touch) => forecastOf(touch, touch.object !== null && made.has(touch.object)));
    forecasts.push({ number: index + 1, text, locks });
  }
  return forecasts;
}

function forecastOf({ row, object }: Touch, isNew: boolean): LockForecast {
  const { lock, scans, rewrites, hazard, note = '', page }: LockRow = lockRows[row];
  const known = { statement: row, object, page: `https://www.postgresql.org/docs/18/${page}` };
  if (isNew) {
    return { ...known, lock: null, blocks: 'nothing', scans: false, rewrites: false, hazard: null, note: 'new here' };
  }
  return {
    ...known,
    lock,
    blocks: blockedBy(lock),
    scans: scans === true,
    rewrites: rewrites === true,
    hazard: hazard ?? null,
    note,
  };
}
