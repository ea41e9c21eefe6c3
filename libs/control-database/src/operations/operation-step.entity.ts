import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OperationId } from '../ids.js';

export type OperationStepState = 'pending' | 'running' | 'done' | 'failed';

/** One named step of an operation. */
@Entity('operation_step')
export class OperationStep {
  @PrimaryColumn({ type: 'text' }) operationId: OperationId;
  @PrimaryColumn({ type: 'text' }) name: string;
  /** Order of the steps, from 1. */
  @Column({ type: 'int' }) position: number;
  @Column({ type: 'text' }) state: OperationStepState;
  @Column({ type: 'timestamptz', nullable: true }) startedAt: Date | null;
  @Column({ type: 'timestamptz', nullable: true }) finishedAt: Date | null;
  /** Why the step failed last, in words that may be shown to operators. */
  @Column({ type: 'text', nullable: true }) error: string | null;
}
