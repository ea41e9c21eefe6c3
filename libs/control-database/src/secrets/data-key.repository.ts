import type { DataSource } from 'typeorm';
import { DomainError } from '#platform';
import { withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import type { DataKeyId } from '../ids.js';
import { DataKey } from './data-key.entity.js';

/** Data keys, wrapped by the master key. */
export class DataKeyRepository {
  constructor(private readonly dataSource: DataSource) {}

  async insert(id: DataKeyId, wrapped: Buffer, transaction?: Transaction): Promise<void> {
    await withManager(this.dataSource, transaction, (manager) => manager.insert(DataKey, { id, wrapped }));
  }

  /** The key, or a `gone` error: a data key that was there and is not any more was shredded. */
  async get(id: DataKeyId): Promise<DataKey> {
    const key = await withManager(this.dataSource, undefined, (manager) => manager.findOneBy(DataKey, { id }));
    if (key === null) throw new DomainError('gone', 'data-key-shredded', `The data key ${id} was destroyed.`);
    return key;
  }

  /** Destroys the key, and with it everything that was sealed with it. Repeating it changes nothing. */
  async shred(id: DataKeyId, transaction?: Transaction): Promise<void> {
    await withManager(this.dataSource, transaction, (manager) => manager.delete(DataKey, { id }));
  }
}
