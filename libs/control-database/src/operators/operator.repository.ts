import type { DataSource } from 'typeorm';
import { runStatement, withManager } from '../connection/statements.js';
import type { OperatorId } from '../ids.js';
import { Transactions } from '../connection/transactions.js';
import { Operator, type OperatorRole } from './operator.entity.js';

export interface NewOperator {
  id: OperatorId;
  email: string;
  passwordHash: string;
  role: OperatorRole;
}

const bootstrapLock = 7_210_034_402;

/** The people and scripts that run the platform. */
export class OperatorRepository {
  constructor(private readonly dataSource: DataSource) {}

  /** The operator with this e-mail address, whatever its case. */
  async findByEmail(email: string): Promise<Operator | undefined> {
    const operator = await withManager(this.dataSource, undefined, (manager) =>
      manager.findOneBy(Operator, { email: email.toLowerCase() }),
    );
    return operator ?? undefined;
  }

  async find(id: OperatorId): Promise<Operator | undefined> {
    // Every request asks, and a plain statement costs half of what the object mapper makes of it.
    const [operator] = await runStatement<Operator>(
      this.dataSource,
      undefined,
      'SELECT id, email, password_hash, role, disabled_at, created_at FROM operator WHERE id = $1',
      [id],
    );
    return operator;
  }

  /** Adds an operator. An e-mail address in use is a unique violation. */
  async insert(operator: NewOperator): Promise<void> {
    await withManager(this.dataSource, undefined, (manager) =>
      manager.insert(Operator, { ...operator, email: operator.email.toLowerCase() }),
    );
  }

  /**
   * Makes the first operator: calls `make` and stores what it gives when there is no operator at all. Several processes
   * may call this at once; `make` runs in one of them. Tells whether this call made the operator.
   */
  async ensureFirst(make: () => Promise<NewOperator>): Promise<boolean> {
    if (await this.isAnyThere()) return false;
    return new Transactions(this.dataSource).run(async (transaction) => {
      await runStatement(this.dataSource, transaction, 'SELECT pg_advisory_xact_lock($1)', [bootstrapLock]);
      const operators = await withManager(this.dataSource, transaction, (manager) => manager.count(Operator));
      if (operators > 0) return false;
      const operator = await make();
      await withManager(this.dataSource, transaction, (manager) => manager.insert(Operator, operator));
      return true;
    });
  }

  private isAnyThere(): Promise<boolean> {
    return withManager(this.dataSource, undefined, (manager) => manager.exists(Operator));
  }

  /** From now on neither a login nor an API key of the operator is good. */
  async disable(id: OperatorId): Promise<void> {
    await runStatement(
      this.dataSource,
      undefined,
      'UPDATE operator SET disabled_at = coalesce(disabled_at, now()) WHERE id = $1',
      [id],
    );
  }
}
