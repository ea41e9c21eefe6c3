import type { Connection } from '#postgres';
import { failureOf, SchemaError } from './schema-errors.js';
import type { SchemaStep } from './schema-step.js';
import { beginBackfillBatch, limitTransaction, recordBatch, runBatch } from './statements.sql.js';

export interface BackfillOptions {
  readonly step: SchemaStep;
  /** As for migrateSchema. */
  readonly fence: string;
  readonly lockTimeoutMs: number;
}

export interface BackfillProgress {
  /** How many rows this batch worked on. */
  readonly rows: number;
  readonly isFinished: boolean;
}

/**
 * Does one batch of the step's backfill, where the last recorded one ended: the batch and the new watermark are one
 * transaction, so that a batch that dies is done again and none is done twice. The caller waits `pauseMs` before the next.
 * Throws a SchemaError, which names the statement when it was the batch that failed; `stale-fence` as for migrateSchema, and
 * `no-row` for a batch that does not say where the next one begins.
 */
export async function runBackfill(connection: Connection, options: BackfillOptions): Promise<BackfillProgress> {
  const { step, fence, lockTimeoutMs } = options;
  const { backfill } = step;
  if (backfill === undefined) throw new Error(`${step.name} has no backfill.`);
  try {
    return await connection.transaction(async (transaction) => {
      const limits = limitTransaction(lockTimeoutMs, step.statementTimeoutMs);
      await Promise.all(limits.map((limit) => transaction.query(limit)));
      const [state] = await transaction.query<{ watermark: string | null; finished: boolean }>(
        beginBackfillBatch(step.name, fence),
      );
      if (state === undefined) {
        throw new SchemaError({
          code: 'stale-fence',
          migration: step.name,
          message: 'a later lease has taken over',
          isTransient: false,
        });
      }
      if (state.finished) return { rows: 0, isFinished: true };
      const [batch] = await transaction
        .query<{ watermark: string | null; rows: number }>(
          runBatch(backfill.batch, state.watermark, backfill.batchSize),
        )
        .catch((error: unknown) => {
          const statement = { number: 1, text: backfill.batch };
          throw new SchemaError(failureOf(error, { migration: step.name, statement }), { cause: error });
        });
      if (batch === undefined) {
        const message = 'the batch of its backfill gave no row';
        throw new SchemaError({ code: 'no-row', migration: step.name, message, isTransient: false });
      }
      const { watermark, rows } = batch;
      await transaction.query(recordBatch(step.name, watermark, rows));
      return { rows, isFinished: watermark === null };
    });
  } catch (error) {
    if (error instanceof SchemaError) throw error;
    throw new SchemaError(failureOf(error, { migration: step.name }), { cause: error });
  }
}
