import type { DataSource, EntityManager } from 'typeorm';

/**
 * An open transaction of the control database, to be passed to repository methods that shall be part of it. What is
 * inside is for the repositories alone.
 */
export class Transaction {
  readonly #manager: EntityManager;

  constructor(manager: EntityManager) {
    this.#manager = manager;
  }

  /** The manager to run statements with: the transaction's, or the data source's own when there is none. */
  static managerOf(dataSource: DataSource, transaction: Transaction | undefined): EntityManager {
    return transaction === undefined ? dataSource.manager : transaction.#manager;
  }
}

/** Opens transactions that span several repositories. */
export class Transactions {
  constructor(private readonly dataSource: DataSource) {}

  /** Commits when `work` resolves; rolls back and passes the error on when it rejects. Isolation is READ COMMITTED. */
  run<T>(work: (transaction: Transaction) => Promise<T>): Promise<T> {
    return this.dataSource.transaction((manager) => work(new Transaction(manager)));
  }
}

/** Runs `work` in the given transaction, or in one of its own. */
export function inTransaction<T>(
  dataSource: DataSource,
  transaction: Transaction | undefined,
  work: (transaction: Transaction) => Promise<T>,
): Promise<T> {
  return transaction === undefined ? new Transactions(dataSource).run(work) : work(transaction);
}
