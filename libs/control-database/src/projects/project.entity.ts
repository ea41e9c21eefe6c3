import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { DataKeyId, ProjectId } from '../ids.js';
import type { MaintenanceWindow } from '../rollouts/rollout-plan.js';

export type ProjectState =
  'provisioning' | 'failed' | 'active' | 'suspended' | 'stopped' | 'maintenance' | 'archived' | 'deleting' | 'deleted';

/** What a project in state `maintenance` still does: `read-only` answers reads, `offline` answers nothing. */
export type MaintenanceMode = 'read-only' | 'offline';

export type ProjectLabels = Record<string, string>;

/** What a customer owns: its settings, its base URLs and one tenant database. */
@Entity('project')
export class Project {
  @PrimaryColumn({ type: 'uuid' }) id: ProjectId;
  @Column({ type: 'text' }) slug: string;
  @Column({ type: 'text' }) name: string;
  @Column({ type: 'text' }) fhirVersion: string;
  @Column({ type: 'text' }) state: ProjectState;
  /** Why the project is in its state, in words for its operator. */
  @Column({ type: 'text', nullable: true }) reason: string | null;
  /** Set while the state is `maintenance`; null counts as `offline`. */
  @Column({ type: 'text', nullable: true }) maintenanceMode: MaintenanceMode | null;
  @Column({ type: 'jsonb' }) labels: ProjectLabels;
  /** Rollouts beyond this schema leave the project out; see `schemaPinOf`. */
  @Column({ type: 'int', nullable: true }) schemaPin: number | null;
  @Column({ type: 'timestamptz', nullable: true }) schemaPinUntil: Date | null;
  @Column({ type: 'text', nullable: true }) schemaPinReason: string | null;
  /** When rollouts may work on it; null means at any time. */
  @Column({ type: 'jsonb', nullable: true }) maintenanceWindow: MaintenanceWindow | null;
  /** Grows by one with every change that an operator can see. */
  @Column({ type: 'int' }) revision: number;
  /** Unset until the project is placed; its deletion shreds all that was sealed with it. */
  @Column({ type: 'uuid', nullable: true }) dataKeyId: DataKeyId | null;
  /** The state to go back to when a deletion is undone. */
  @Column({ type: 'text', nullable: true }) previousState: ProjectState | null;
  @Column({ type: 'timestamptz', nullable: true }) purgeAfter: Date | null;
  /** `operator:<id>` or `key:<id>`. */
  @Column({ type: 'text' }) createdBy: string;
  @Column({ type: 'timestamptz' }) createdAt: Date;
  @Column({ type: 'timestamptz' }) updatedAt: Date;
  @Column({ type: 'timestamptz', nullable: true }) deletedAt: Date | null;
}
