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
