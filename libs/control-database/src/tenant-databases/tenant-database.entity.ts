import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ClusterId, DataKeyId, ProjectId, TenantDatabaseId } from '../ids.js';

/** `building` and `spare` belong to nobody yet; `trash` waits to be dropped, and becomes nothing else. */
export type TenantDatabaseState = 'building' | 'spare' | 'claimed' | 'trash' | 'dropped';

/** The PostgreSQL database that holds one project's FHIR data, with its login role. */
@Entity('tenant_database')
export class TenantDatabase {
  @PrimaryColumn({ type: 'uuid' }) id: TenantDatabaseId;
  @Column({ type: 'text' }) clusterId: ClusterId;
  @Column({ type: 'text' }) databaseName: string;
  @Column({ type: 'text' }) roleName: string;
  /** Sealed with the data key, context `tenant-password:<id>`. */
  @Column({ type: 'bytea' }) passwordSealed: Buffer;
  @Column({ type: 'uuid', nullable: true }) dataKeyId: DataKeyId | null;
  @Column({ type: 'int' }) schemaVersion: number;
  @Column({ type: 'text' }) state: TenantDatabaseState;
  @Column({ type: 'uuid', nullable: true }) projectId: ProjectId | null;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
