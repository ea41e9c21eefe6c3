import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ProjectId, TenantDatabaseId } from '../ids.js';

/** Which tenant database a project uses now. The generation grows when it moves, so old connections can be told apart. */
@Entity('placement')
export class Placement {
  @PrimaryColumn({ type: 'uuid' }) projectId: ProjectId;
  @Column({ type: 'uuid' }) tenantDatabaseId: TenantDatabaseId;
  @Column({ type: 'int' }) generation: number;
}
