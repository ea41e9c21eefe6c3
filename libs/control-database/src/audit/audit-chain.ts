import { createHash } from 'node:crypto';
import type { AuditRecord } from './audit-record.entity.js';

/** Where the chain of audit records is broken, or its length and last hash when it is whole. */
export type ChainVerdict =
  { intact: true; records: number; lastHash: string } | { intact: false; brokenAt: string; why: string };

/** Follows the chain over records that arrive in order, batch by batch. */
export class AuditChainCheck {
  private records = 0;
  private lastHash: Buffer = Buffer.alloc(0);

  /** Gives the verdict as soon as a record does not continue the chain. */
  take(record: AuditRecord): ChainVerdict | undefined {
    const expectedId = String(this.records + 1);
    if (record.id !== expectedId) return broken(record, `record ${expectedId} is missing`);
    if (!record.previousHash.equals(this.lastHash)) return broken(record, 'it does not follow the record before it');
    if (!record.hash.equals(recordHash(record))) return broken(record, 'its content is not what was written');
    this.records += 1;
    this.lastHash = record.hash;
    return undefined;
  }

  end(): ChainVerdict {
    return { intact: true, records: this.records, lastHash: this.lastHash.toString('hex') };
  }
}

/** SHA-256 over the fields as netstrings, followed by the previous hash; the database's append function does the same. */
function recordHash(record: Omit<AuditRecord, 'hash'>): Buffer {
  const { id, at, actor, action, target, beforeHash, afterHash, requestId, outcome, previousHash } = record;
  const fields = [id, at.toISOString(), actor, action, target, beforeHash, afterHash, requestId, outcome];
  const content = fields.map((field) => `${Buffer.byteLength(field)}:${field},`).join('');
  return createHash('sha256').update(content).update(previousHash).digest();
}

function broken(record: AuditRecord, why: string): ChainVerdict {
  return { intact: false, brokenAt: record.id, why };
}
