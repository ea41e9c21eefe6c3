import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { OperatorId } from '../ids.js';

/** What an operator may do, from most to least: everything; the lifecycle of projects; reading. */
export const operatorRoles = ['platform-admin', 'operator', 'auditor'] as const;
export type OperatorRole = (typeof operatorRoles)[number];

/** A person (or a script) that runs the platform. */
@Entity('operator')
export class Operator {
  @PrimaryColumn({ type: 'uuid' }) id: OperatorId;
  /** Lower case. */
  @Column({ type: 'text' }) email: string;
  @Column({ type: 'text' }) passwordHash: string;
  @Column({ type: 'text' }) role: OperatorRole;
  @Column({ type: 'timestamptz', nullable: true }) disabledAt: Date | null;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
