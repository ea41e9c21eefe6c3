import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';

/** Failures that are free, and how long the ones after them block: 1 s, 2 s, 4 s, … up to the longest. */
const freeFailures = 5;
const longestBlockSeconds = 15 * 60;
/** A pause this long without a failure forgives what was before. */
const forgivenAfter = '30 minutes';

/**
 * Exponential back-off of logins, counted for subjects (an account, an address) in the database, so that every replica
 * counts together. An attempt is counted before its password is checked; otherwise many attempts at once would all be
 * checked before the first is counted. Only failures put off when all is forgiven: those of an address, from which others
 * log in all the time, would never be.
 */
export class LoginThrottleRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Counts an attempt of the subject. Gives 0 when it may go on, else the seconds until the next one may (and the
   * attempt is not counted).
   */
  async begin(subject: string): Promise<number> {
    const [counted] = await runStatement(
      this.dataSource,
      undefined,
      `INSERT INTO login_throttle AS t (subject, failures, last_failed_at) VALUES ($1, 1, clock_timestamp())
       ON CONFLICT (subject) DO UPDATE SET
         failures = CASE WHEN ${isForgiven} THEN 1 ELSE t.failures + 1 END,
         blocked_until = CASE WHEN ${isForgiven} THEN '-infinity' ELSE ${blockAfter('t.failures + 1')} END,
         last_failed_at = CASE WHEN ${isForgiven} THEN clock_timestamp() ELSE t.last_failed_at END
       WHERE t.blocked_until <= clock_timestamp() RETURNING failures`,
      [subject],
    );
    return counted === undefined ? this.secondsBlocked(subject) : 0;
  }

  private async secondsBlocked(subject: string): Promise<number> {
    const [row] = await runStatement<{ seconds: number }>(
      this.dataSource,
      undefined,
      `SELECT ceil(extract(epoch FROM blocked_until - clock_timestamp()))::int AS seconds
         FROM login_throttle WHERE subject = $1 AND blocked_until > clock_timestamp()`,
      [subject],
    );
    return Math.max(1, row?.seconds ?? 1);
  }

  /** The attempt counted by `begin` failed: the pause that it costs begins now. */
  async failed(subject: string): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `UPDATE login_throttle SET blocked_until = ${blockAfter('failures')}, last_failed_at = clock_timestamp()
        WHERE subject = $1`,
      [subject],
    );
  }

  /** The account's login succeeded: its failures are forgotten. */
  async forget(subject: string): Promise<void> {
    await runStatement(this.dataSource, undefined, 'DELETE FROM login_throttle WHERE subject = $1', [subject]);
  }

  /**
   * The attempt counted by `begin` succeeded and shall not count. Earlier failures stay, so that somebody with an
   * account of their own cannot clear the address from which they guess at others.
   */
  async uncount(subject: string): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `UPDATE login_throttle SET failures = greatest(failures - 1, 0), blocked_until = '-infinity' WHERE subject = $1`,
      [subject],
    );
  }

  /** Drops what is forgiven anyway. */
  async deleteForgiven(): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `DELETE FROM login_throttle WHERE last_failed_at < clock_timestamp() - interval '${forgivenAfter}'
          AND blocked_until <= clock_timestamp()`,
    );
  }
}

/** When the next attempt is allowed after so many failures: an SQL expression over one that gives their number. */
function blockAfter(failures: string): string {
  return `CASE WHEN ${failures} < ${freeFailures} THEN '-infinity' ELSE clock_timestamp() +
    least(power(2, least(${failures} - ${freeFailures}, 30)), ${longestBlockSeconds}) * interval '1 s' END`;
}

const isForgiven = `t.last_failed_at < clock_timestamp() - interval '${forgivenAfter}'`;
