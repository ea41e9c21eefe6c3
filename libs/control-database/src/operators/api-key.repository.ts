import type { DataSource } from 'typeorm';
import { runStatement } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ApiKeyId, OperatorId } from '../ids.js';
import type { ApiKey } from './api-key.entity.js';
import type { OperatorRole } from './operator.entity.js';

export interface NewApiKey {
  id: ApiKeyId;
  operatorId: OperatorId;
  name: string;
  role: OperatorRole;
  secretHash: Buffer;
  expiresAt: Date | null;
}

/** A usable key, with the role that its operator has now. */
export interface UsableApiKey {
  id: ApiKeyId;
  operatorId: OperatorId;
  role: OperatorRole;
  operatorRole: OperatorRole;
}

const columns = 'id, operator_id, name, role, expires_at, last_used_at, revoked_at, created_at';
export type ApiKeyRow = Omit<ApiKey, 'secretHash'>;

/** Bearer secrets of programs. */
export class ApiKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  async insert(key: NewApiKey, transaction?: Transaction): Promise<ApiKeyRow> {
    const [row] = await runStatement<ApiKeyRow>(
      this.dataSource,
      transaction,
      `INSERT INTO api_key (id, operator_id, name, role, secret_hash, expires_at) VALUES ($1, $2, $3, $4, $5, $6)
       RETURNING ${columns}`,
      [key.id, key.operatorId, key.name, key.role, key.secretHash, key.expiresAt],
    );
    return row!;
  }

  /**
   * The key with this secret, when it is neither revoked nor expired and its operator is not disabled. Notes its use,
   * at most once a minute.
   */
  async use(secretHash: Buffer, now: Date): Promise<UsableApiKey | undefined> {
    const [key] = await runStatement<UsableApiKey & { lastUsedAt: Date | null }>(
      this.dataSource,
      undefined,
      `SELECT k.id, k.operator_id, k.role, k.last_used_at, o.role AS operator_role
         FROM api_key k JOIN operator o ON o.id = k.operator_id
        WHERE k.secret_hash = $1 AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > $2)
          AND o.disabled_at IS NULL`,
      [secretHash, now],
    );
    if (key === undefined) return undefined;
    const { lastUsedAt, ...usable } = key;
    if (lastUsedAt === null || now.getTime() - lastUsedAt.getTime() > 60_000) {
      await runStatement(this.dataSource, undefined, 'UPDATE api_key SET last_used_at = $2 WHERE id = $1', [
        key.id,
        now,
      ]);
    }
    return usable;
  }

  /** Keys that are not revoked, the oldest first: all of them, or those of one operator. */
  list({
    operatorId,
    after,
    limit,
  }: {
    operatorId?: OperatorId;
    after?: ApiKeyId;
    limit: number;
  }): Promise<ApiKeyRow[]> {
    return runStatement<ApiKeyRow>(
      this.dataSource,
      undefined,
      `SELECT ${columns} FROM api_key WHERE revoked_at IS NULL AND ($1::uuid IS NULL OR operator_id = $1)
          AND ($2::text IS NULL OR id > $2) ORDER BY id LIMIT $3`,
      [operatorId ?? null, after ?? null, limit],
    );
  }

  /** Ends a key: any, or only one of the given operator. Undefined when there is no such key in force. */
  async revoke(
    id: ApiKeyId,
    operatorId: OperatorId | undefined,
    transaction: Transaction,
  ): Promise<ApiKeyRow | undefined> {
    const [key] = await runStatement<ApiKeyRow>(
      this.dataSource,
      transaction,
      `UPDATE api_key SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL
          AND ($2::uuid IS NULL OR operator_id = $2) RETURNING ${columns}`,
      [id, operatorId ?? null],
    );
    return key;
  }
}
