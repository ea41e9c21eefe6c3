/** What is remembered of attempts to log in (see begin_login_attempt in the tenant migrations), for all replicas together. */
import { compiledSql, sql, type Connection } from '#postgres';

/** What failures are counted for. */
export interface AttemptSubject {
  /** A hash of what is guessed at, or from where. */
  readonly key: Buffer;
  /** How many failures cost nothing. */
  readonly free: number;
}

export interface AttemptState {
  /** How long the attempt has to wait, in milliseconds; 0: it may go on. */
  readonly waitMs: number;
  /** How many failures of its subjects had been counted of late. */
  readonly counted: number;
  /** What it was counted as, for `forgetLoginAttempts`; null when it was not counted. */
  readonly beganAt: string | null;
}

interface AttemptRow {
  readonly wait_ms: number;
  readonly counted: number;
  readonly began_at: string | null;
}

// As text: a Date has no microseconds.
const beginText = 'SELECT wait_ms, counted::int, began_at::text FROM begin_login_attempt($1, $2, $3)';

/** Begins an attempt. With `counts` it is counted for all its subjects, unless it has to wait. */
export async function beginLoginAttempt(
  connection: Connection,
  subjects: readonly AttemptSubject[],
  counts: boolean,
): Promise<AttemptState> {
  const values = [subjects.map(({ key }) => key), subjects.map(({ free }) => free), counts];
  const [row] = await connection.query<AttemptRow>(
    compiledSql({ name: 'store_begin_login_attempt', text: beginText, values }),
  );
  if (row === undefined) throw new Error('begin_login_attempt has returned nothing.');
  return { waitMs: row.wait_ms, counted: row.counted, beganAt: row.began_at };
}

/**
 * Forgets all failures of the subjects with the keys `forgotten`, and of each with the keys `uncounted` the attempt that was
 * counted as `beganAt`, as if it had not been made. The rows are locked in the order in which begin_login_attempt locks
 * them, so that neither waits for the other in a circle.
 */
export async function forgetLoginAttempts(
  connection: Connection,
  forgotten: readonly Buffer[],
  uncounted: readonly Buffer[],
  beganAt: string | null,
): Promise<void> {
  await connection.query(sql`
    WITH locked AS MATERIALIZED (
      SELECT subject FROM login_attempt WHERE subject = ANY (${[...forgotten, ...uncounted]}::bytea[])
      ORDER BY subject FOR UPDATE),
    removed AS (
      DELETE FROM login_attempt a USING locked l WHERE a.subject = l.subject AND l.subject = ANY (${forgotten}::bytea[]))
    UPDATE login_attempt a SET failed_at = array_remove(a.failed_at, ${beganAt}::timestamptz)
    FROM locked l WHERE a.subject = l.subject AND l.subject = ANY (${uncounted}::bytea[])`);
}
