import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OperationId, ProjectId } from '../ids.js';

export type OperationState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';

/** What went wrong, in words that may be shown to operators: never a secret. */
export interface OperationError {
  code: string;
  message: string;
  step?: string;
  retryable?: boolean;
}

/** A recorded long-running job. */
@Entity('operation')
export class Operation {
  @PrimaryColumn({ type: 'text' }) id: OperationId;
  @Column({ type: 'text' }) kind: string;
  @Column({ type: 'uuid', nullable: true }) projectId: ProjectId | null;
  @Column({ type: 'jsonb' }) params: Record<string, unknown>;
  @Column({ type: 'text' }) state: OperationState;
  /** How many times a worker has taken it up. */
  @Column({ type: 'int' }) attempt: number;
  @Column({ type: 'jsonb', nullable: true }) error: OperationError | null;
  @Column({ type: 'text' }) createdBy: string;
  @Column({ type: 'timestamptz' }) createdAt: Date;
  @Column({ type: 'timestamptz', nullable: true }) startedAt: Date | null;
  @Column({ type: 'timestamptz', nullable: true }) finishedAt: Date | null;
  @Column({ type: 'text', nullable: true }) leaseOwner: string | null;
  @Column({ type: 'timestamptz', nullable: true }) leaseExpiresAt: Date | null;
  /** Decimal text. Rises with every claim of any operation, so one number names one lease. */
  @Column({ type: 'bigint' }) fence: string;
  @Column({ type: 'timestamptz', nullable: true }) nextAttemptAt: Date | null;
}
