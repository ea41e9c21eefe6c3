import { createHash } from 'node:crypto';
import { MoreThan, type DataSource } from 'typeorm';
import { runStatement, withManager } from '../connection/statements.js';
import type { Transaction } from '../connection/transactions.js';
import { AuditChainCheck, type ChainVerdict } from './audit-chain.js';
import { AuditRecord } from './audit-record.entity.js';

export interface AuditEntry {
  /** `operator:<id>`, `key:<id>`, `worker:<id>`, or `anonymous`. */
  actor: string;
  /** `project.create`, `login`, … */
  action: string;
  /** What it was done to: `project:<id>`, or the route of a denied request. */
  target: string;
  /** The target before and after, as far as it may be known by its hash; left out where there is none. */
  before?: unknown;
  after?: unknown;
  requestId: string;
  /** `success`, or the code of the refusal. */
  outcome: string;
}

const batchSize = 1_000;

/** The control plane's own log of what was done and what was refused: append-only and hash-chained. */
export class AuditRepository {
  constructor(private readonly dataSource: DataSource) {}

  /**
   * Appends a record, in the transaction of the change that it tells of. The chain is locked until that transaction
   * ends, so this is the last thing to do in it.
   */
  async append(entry: AuditEntry, transaction?: Transaction): Promise<void> {
    const { actor, action, target, before, after, requestId, outcome } = entry;
    await runStatement(this.dataSource, transaction, 'SELECT append_audit_record($1, $2, $3, $4, $5, $6, $7)', [
      actor,
      action,
      target,
      stateHash(before),
      stateHash(after),
      requestId,
      outcome,
    ]);
  }

  /** Reads the whole chain and tells whether each record is as it was written and none between them is missing. */
  async verifyChain(): Promise<ChainVerdict> {
    const check = new AuditChainCheck();
    for (let last = '0'; ;) {
      const batch = await this.listAfter(last, batchSize);
      for (const record of batch) {
        const verdict = check.take(record);
        if (verdict !== undefined) return verdict;
      }
      const end = batch.at(-1);
      if (end === undefined) return check.end();
      last = end.id;
    }
  }

  /** Records in their order, from the one after `id` on. */
  listAfter(id: string, limit: number): Promise<AuditRecord[]> {
    return withManager(this.dataSource, undefined, (manager) =>
      manager.find(AuditRecord, { where: { id: MoreThan(id) }, order: { id: 'ASC' }, take: limit }),
    );
  }
}

/** SHA-256 in hex over the state as JSON with sorted members; empty when there is no state. */
function stateHash(state: unknown): string {
  if (state === undefined) return '';
  return createHash('sha256').update(canonicalJson(state)).digest('hex');
}

/** JSON text that does not depend on the order in which an object's members were set. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)))
      : member,
  );
}
