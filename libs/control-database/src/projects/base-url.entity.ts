import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ProjectId } from '../ids.js';

/** A name under which a project answers: a slug (of `<slug>.<base domain>`) or a whole host of the customer's own. */
@Entity('base_url')
export class BaseUrl {
  @PrimaryColumn({ type: 'uuid' }) id: string;
  @Column({ type: 'uuid' }) projectId: ProjectId;
  @Column({ type: 'text' }) kind: 'slug' | 'domain';
  @Column({ type: 'text' }) name: string;
  @Column({ type: 'boolean' }) canonical: boolean;
  @Column({ type: 'boolean' }) active: boolean;
  /**
   * Set when the project is gone or has another slug: from then on the name may be taken again. An active one serves until
   * then.
   */
  @Column({ type: 'timestamptz', nullable: true }) freeAfter: Date | null;
}
