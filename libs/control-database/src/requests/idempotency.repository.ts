import { randomUUID } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';

/** What names a request: its caller and key, and what it asks for. */
export interface IdempotentRequest {
  caller: string;
  key: string;
  method: string;
  path: string;
  /** A keyed hash of the body: a plain one of a body with a password could be guessed. */
  bodyHash: Buffer;
}

/** An answer that may be given again. Never holds a secret. */
export interface RecordedAnswer {
  status: number;
  headers: Record<string, string>;
  body: unknown;
}

/** The right to run a request under its key, until `reserved_until`. */
export interface Reservation {
  caller: string;
  key: string;
  id: string;
}

export type ReserveOutcome =
  | { outcome: 'reserved'; reservation: Reservation }
  | { outcome: 'replay'; answer: RecordedAnswer }
  | { outcome: 'mismatch' }
  | { outcome: 'in-flight'; retryAfterSeconds: number };

interface KeyRow {
  method: string;
  path: string;
  bodyHash: Buffer;
  state: 'running' | 'answered';
  responseStatus: number | null;
  responseHeaders: Record<string, string> | null;
  responseBody: unknown;
  secondsReserved: number;
}

/**
 * Idempotency keys. A request reserves its key, records its answer in the transaction that makes its change, and settles
 * it when it has answered. A process that dies before the change leaves a reservation that runs out, and the request
 * may run again; one that dies after it leaves the recorded answer, which is replayed once the reservation has run out.
 */
export class IdempotencyRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** Reserves the key for `reserveSeconds`, or says why not. Keys older than `keptHours` count as unknown. */
  async reserve(
    request: IdempotentRequest,
    { reserveSeconds, keptHours }: { reserveSeconds: number; keptHours: number },
  ): Promise<ReserveOutcome> {
    const reservation: Reservation = { caller: request.caller, key: request.key, id: randomUUID() };
    const { caller, key, method, path, bodyHash } = request;
    const reserved = await runStatement(
      this.dataSource,
      undefined,
      `INSERT INTO idempotency_key AS i (caller, key, method, path, body_hash, state, reservation, reserved_until)
       VALUES ($1, $2, $3, $4, $5, 'running', $6, now() + $7 * interval '1 s')
       ON CONFLICT (caller, key) DO UPDATE SET method = $3, path = $4, body_hash = $5, state = 'running',
         reservation = $6, reserved_until = EXCLUDED.reserved_until, created_at = now(),
         response_status = NULL, response_headers = NULL, response_body = NULL
       WHERE i.created_at < now() - $8 * interval '1 h'
          OR (i.state = 'running' AND i.response_status IS NULL AND i.reserved_until < now()
              AND i.method = $3 AND i.path = $4 AND i.body_hash = $5)
       RETURNING reservation`,
      [caller, key, method, path, bodyHash, reservation.id, reserveSeconds, keptHours],
    );
    if (reserved.length > 0) return { outcome: 'reserved', reservation };
    return judge(request, await this.read(caller, key));
  }

  private async read(caller: string, key: string): Promise<KeyRow | undefined> {
    const [row] = await runStatement<KeyRow>(
      this.dataSource,
      undefined,
      `SELECT method, path, body_hash, state, response_status, response_headers, response_body,
              ceil(extract(epoch FROM reserved_until - now()))::int AS seconds_reserved
         FROM idempotency_key WHERE caller = $1 AND key = $2`,
      [caller, key],
    );
    return row;
  }

  /** Records the answer, in the transaction of the change that it tells of. */
  async record(reservation: Reservation, answer: RecordedAnswer, transaction?: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `UPDATE idempotency_key SET response_status = $4, response_headers = $5, response_body = $6
        WHERE caller = $1 AND key = $2 AND reservation = $3`,
      values(reservation, answer),
    );
  }

  /** The request has its answer: from now on it is replayed. */
  async settle(reservation: Reservation, answer: RecordedAnswer): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `UPDATE idempotency_key SET state = 'answered', response_status = $4, response_headers = $5, response_body = $6
        WHERE caller = $1 AND key = $2 AND reservation = $3`,
      values(reservation, answer),
    );
  }

  /** Nothing was changed and the request may be sent again under the same key. */
  async release(reservation: Reservation): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `DELETE FROM idempotency_key
        WHERE caller = $1 AND key = $2 AND reservation = $3 AND response_status IS NULL`,
      [reservation.caller, reservation.key, reservation.id],
    );
  }

  async deleteOlderThan(hours: number): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      `DELETE FROM idempotency_key WHERE created_at < now() - $1 * interval '1 h'`,
      [hours],
    );
  }
}

function values({ caller, key, id }: Reservation, { status, headers, body }: RecordedAnswer): unknown[] {
  return [caller, key, id, status, JSON.stringify(headers), JSON.stringify(body ?? null)];
}

/** What a request that could not reserve its key meets there. A row that is gone by now was just released. */
function judge(request: IdempotentRequest, row: KeyRow | undefined): ReserveOutcome {
  if (row === undefined) return { outcome: 'in-flight', retryAfterSeconds: 1 };
  const isSame = row.method === request.method && row.path === request.path && row.bodyHash.equals(request.bodyHash);
  if (!isSame) return { outcome: 'mismatch' };
  if (row.responseStatus === null || (row.state === 'running' && row.secondsReserved > 0)) {
    return { outcome: 'in-flight', retryAfterSeconds: Math.max(1, row.secondsReserved) };
  }
  return {
    outcome: 'replay',
    answer: { status: row.responseStatus, headers: row.responseHeaders ?? {}, body: row.responseBody },
  };
}
