import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ClusterId, DataKeyId } from '../ids.js';

/** One that is `registering` is still to be checked by a worker and holds nothing; only an active one gets new projects. */
export type ClusterState = 'registering' | 'active' | 'draining' | 'disabled';

/** How connections to a cluster are protected: `require` encrypts, `verify-full` checks the server's certificate too. */
export type SslMode = 'disable' | 'require' | 'verify-full';

/** One PostgreSQL server that holds tenant databases. */
@Entity('cluster')
export class Cluster {
  @PrimaryColumn({ type: 'text' }) id: ClusterId;
  /** Chosen by the operator, unique. */
  @Column({ type: 'text' }) name: string;
  @Column({ type: 'text' }) host: string;
  @Column({ type: 'int' }) port: number;
  /** The sealed administrator login; null means the server of DATABASE_URL itself. */
  @Column({ type: 'bytea', nullable: true }) adminSecret: Buffer | null;
  /** With which the login is sealed. */
  @Column({ type: 'uuid', nullable: true }) dataKeyId: DataKeyId | null;
  @Column({ type: 'text' }) state: ClusterState;
  @Column({ type: 'int' }) maxProjects: number;
  @Column({ type: 'int' }) maxConnections: number;
  /** Connections of the server that the platform leaves to others. */
  @Column({ type: 'int' }) reservedConnections: number;
  /** Schema version of the template from which spares are made; null before there is one. */
  @Column({ type: 'int', nullable: true }) templateVersion: number | null;
  /** How many complete spare databases the worker keeps ready there. */
  @Column({ type: 'int', default: 5 }) spareTarget: number;
  /** Where it stands, in the operator's words; projects are placed by it and rollouts choose them by it. */
  @Column({ type: 'text', nullable: true }) region: string | null;
  @Column({ type: 'text' }) sslMode: SslMode;
  /** PEM of the certificates that the server's own must go back to; null means those that Node trusts. */
  @Column({ type: 'text', nullable: true }) sslCa: string | null;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
