import { Column, Entity, PrimaryColumn } from 'typeorm';

/** One link of the audit chain. */
@Entity('audit_record')
export class AuditRecord {
  /** Decimal text, counted from 1 without gaps. */
  @PrimaryColumn({ type: 'bigint' }) id: string;
  @Column({ type: 'timestamptz' }) at: Date;
  @Column({ type: 'text' }) actor: string;
  @Column({ type: 'text' }) action: string;
  @Column({ type: 'text' }) target: string;
  /** SHA-256 in hex of the target before and after; empty when there is no such state. */
  @Column({ type: 'text' }) beforeHash: string;
  @Column({ type: 'text' }) afterHash: string;
  @Column({ type: 'text' }) requestId: string;
  @Column({ type: 'text' }) outcome: string;
  @Column({ type: 'bytea' }) previousHash: Buffer;
  @Column({ type: 'bytea' }) hash: Buffer;
}
