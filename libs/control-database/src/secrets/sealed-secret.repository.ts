import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { OperationId } from '../ids.js';

/** A secret that waits to be shown to its creator, once. */
export interface NewSealedSecret {
  id: string;
  operationId: OperationId;
  kind: string;
  sealed: Buffer;
  /** Who may claim it, as in `project.createdBy`. */
  claimableBy: string;
  expiresAt: Date;
}

export interface ClaimedSecret {
  id: string;
  kind: string;
  sealed: Buffer;
}

/** Secrets to be claimed once. A claim takes the row away, so of two claims at once one gets nothing. */
export class SealedSecretRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Keeps secrets until they are claimed or expire. */
  async insert(
    operationId: OperationId,
    secrets: readonly Omit<NewSealedSecret, 'operationId'>[],
    transaction?: Transaction,
  ): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `INSERT INTO sealed_secret (id, operation_id, kind, sealed, claimable_by, expires_at)
       SELECT s.id, $1, s.kind, s.sealed, s.claimable_by, s.expires_at
         FROM unnest($2::uuid[], $3::text[], $4::bytea[], $5::text[], $6::timestamptz[])
           AS s (id, kind, sealed, claimable_by, expires_at)`,
      [
        operationId,
        secrets.map(({ id }) => id),
        secrets.map(({ kind }) => kind),
        secrets.map(({ sealed }) => sealed),
        secrets.map(({ claimableBy }) => claimableBy),
        secrets.map(({ expiresAt }) => expiresAt),
      ],
    );
  }

  /** Takes the operation's secrets that are not expired and that this caller may claim; of one kind when it is given. */
  claim(
    operationId: OperationId,
    claimableBy: string,
    { kind, now }: { kind?: string; now: Date },
    transaction?: Transaction,
  ): Promise<ClaimedSecret[]> {
    return runStatement<ClaimedSecret>(
      this.dataSource,
      transaction,
      `DELETE FROM sealed_secret WHERE operation_id = $1 AND claimable_by = $2 AND expires_at > $3
          AND ($4::text IS NULL OR kind = $4) RETURNING id, kind, sealed`,
      [operationId, claimableBy, now, kind ?? null],
    );
  }

  /** Forgets what nobody claimed in time. */
  async deleteExpired(now: Date): Promise<void> {
    await runStatement(this.dataSource, undefined, 'DELETE FROM sealed_secret WHERE expires_at <= $1', [now]);
  }
}
