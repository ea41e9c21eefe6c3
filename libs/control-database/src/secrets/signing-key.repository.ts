import type { DataSource } from 'typeorm';
import { runStatement, withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { ProjectId } from '../ids.js';
import { SigningKey } from './signing-key.entity.js';

export type NewSigningKey = Pick<SigningKey, 'kid' | 'projectId' | 'publicJwk' | 'privateSealed'>;

/** The key pairs with which projects sign their tokens. Changes are announced as changes of the project. */
export class SigningKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Gives a project that has no signing key this one and returns the key in force: the project's own when it has one
   * already, so that the call can be repeated.
   */
  async ensure(key: NewSigningKey, transaction?: Transaction): Promise<SigningKey> {
    const [inserted] = await runStatement<SigningKey>(
      this.dataSource,
      transaction,
      `INSERT INTO signing_key (kid, project_id, public_jwk, private_sealed, state) VALUES ($1, $2, $3, $4, 'signing')
       ON CONFLICT (project_id) WHERE state = 'signing' DO NOTHING RETURNING *`,
      [key.kid, key.projectId, JSON.stringify(key.publicJwk), key.privateSealed],
    );
    if (inserted !== undefined) return inserted;
    const [existing] = await runStatement<SigningKey>(
      this.dataSource,
      transaction,
      `SELECT * FROM signing_key WHERE project_id = $1 AND state = 'signing'`,
      [key.projectId],
    );
    return existing!;
  }

  /** The project's keys, the newest first. */
  listOfProject(projectId: ProjectId): Promise<SigningKey[]> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.find(SigningKey, { where: { projectId }, order: { createdAt: 'DESC' } }),
    );
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
