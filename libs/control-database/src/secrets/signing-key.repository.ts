import type { DataSource } from 'typeorm';
import { runStatement, withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ProjectId } from '../ids.js';
import { SigningKey } from './signing-key.entity.js';

export type NewSigningKey = Pick<SigningKey, 'kid' | 'projectId' | 'publicJwk' | 'privateSealed'>;

/** The key pairs with which projects sign their tokens. Changes are announced as changes of the project. */
export class SigningKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The project's keys, the newest first. */
  listOfProject(projectId: ProjectId, transaction?: Transaction): Promise<SigningKey[]> {
    return withManager(this.dataSource, transaction, (manager) =>
      manager.find(SigningKey, { where: { projectId }, order: { createdAt: 'DESC' } }),
    );
  }

  /**
   * From the commit on new tokens carry `next`, and those of the key before it are good until `previousUntil`. Gives the
   * key before it; undefined when the project had none that signs. The project's row must be locked by `getForUpdate` in
   * the same transaction.
   */
  async rotate(
    next: NewSigningKey,
    previousUntil: Date,
    transaction: Transaction,
  ): Promise<{ signing: SigningKey; previous: SigningKey | undefined }> {
    const [previous] = await runStatement<SigningKey>(
      this.dataSource,
      transaction,
      `UPDATE signing_key SET state = 'verifying', verify_until = $2
        WHERE project_id = $1 AND state = 'signing' RETURNING *`,
      [next.projectId, previousUntil],
    );
    return { signing: await this.insertSigning(next, transaction), previous };
  }

  /**
   * From the commit on no token of the key is good. When it is the one that signs, `next` signs from then on, else `next`
   * is not used. Undefined when the project has no such key. The project's row must be locked as for `rotate`.
   */
  async revoke(
    kid: string,
    reason: string,
    next: NewSigningKey,
    transaction: Transaction,
  ): Promise<{ before: SigningKey; revoked: SigningKey; signing: SigningKey | undefined } | undefined> {
    const keys = await this.listOfProject(next.projectId, transaction);
    const before = keys.find((key) => key.kid === kid);
    if (before === undefined) return undefined;
    const [revoked] = await runStatement<SigningKey>(
      this.dataSource,
      transaction,
      `UPDATE signing_key SET state = 'revoked', verify_until = NULL, reason = $2 WHERE kid = $1 RETURNING *`,
      [kid, before.reason ?? reason],
    );
    const signing =
      before.state === 'signing'
        ? await this.insertSigning(next, transaction)
        : keys.find(({ state }) => state === 'signing');
    return { before, revoked: revoked!, signing };
  }

  private async insertSigning(key: NewSigningKey, transaction: Transaction): Promise<SigningKey> {
    const [inserted] = await runStatement<SigningKey>(
      this.dataSource,
      transaction,
      `INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state)
       VALUES ($1, $2, $3, $4, 'signing') RETURNING *`,
      [key.kid, key.projectId, JSON.stringify(key.publicJwk), key.privateSealed],
    );
    return inserted!;
  }

  /** From the commit on no token of the project is good any more. */
  async revokeAll(projectId: ProjectId, transaction?: Transaction): Promise<void> {
    await runStatement(
      this.dataSource,
      transaction,
      `UPDATE signing_key SET state = 'revoked' WHERE project_id = $1 AND state <> 'revoked'`,
      [projectId],
    );
  }
}
