import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DataKeyId } from '../ids.js';

/** A key that seals secrets, itself wrapped by the master key. */
@Entity('data_key')
export class DataKey {
  @PrimaryColumn({ type: 'uuid' }) id: DataKeyId;
  @Column({ type: 'bytea' }) wrapped: Buffer;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
