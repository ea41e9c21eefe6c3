import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ApiKeyId, OperatorId } from '../ids.js';
import type { OperatorRole } from './operator.entity.js';

/** A bearer secret with which a program acts for the operator who made it. Only the secret's SHA-256 is kept. */
@Entity('api_key')
export class ApiKey {
  @PrimaryColumn({ type: 'text' }) id: ApiKeyId;
  @Column({ type: 'uuid' }) operatorId: OperatorId;
  @Column({ type: 'text' }) name: string;
  @Column({ type: 'text' }) role: OperatorRole;
  @Column({ type: 'bytea' }) secretHash: Buffer;
  @Column({ type: 'timestamptz', nullable: true }) expiresAt: Date | null;
  /** Kept to the minute. */
  @Column({ type: 'timestamptz', nullable: true }) lastUsedAt: Date | null;
  @Column({ type: 'timestamptz', nullable: true }) revokedAt: Date | null;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
