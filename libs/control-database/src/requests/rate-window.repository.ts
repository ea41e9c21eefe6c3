import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';

/** Counts calls per subject and minute, together over all replicas. */
export class RateWindowRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Counts one call of the subject. Gives 0 when it is within `limit` for this minute, else the seconds until the next
   * minute begins.
   */
  async take(subject: string, limit: number, now: Date): Promise<number> {
    const windowMs = 60_000;
    const start = Math.floor(now.getTime() / windowMs) * windowMs;
    const [row] = await runStatement<{ hits: number }>(
      this.dataSource,
      undefined,
      `INSERT INTO rate_window AS w (subject, window_start, hits) VALUES ($1, $2, 1)
       ON CONFLICT (subject, window_start) DO UPDATE SET hits = least(w.hits + 1, 1000000) RETURNING hits`,
      [subject, new Date(start)],
    );
    return row!.hits <= limit ? 0 : Math.max(1, Math.ceil((start + windowMs - now.getTime()) / 1000));
  }

  /** Drops the windows that began before this time. */
  async deleteBefore(time: Date): Promise<void> {
    await runStatement(this.dataSource, undefined, 'DELETE FROM rate_window WHERE window_start < $1', [time]);
  }
}
