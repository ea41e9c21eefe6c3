import { Column, Entity, PrimaryColumn } from 'typeorm';
import type { ProjectId } from '../ids.js';

/** `signing`: new tokens carry it; `verifying`: its tokens are still good; `revoked`: they are not. */
export type SigningKeyState = 'signing' | 'verifying' | 'revoked';

/** A key pair with which one project signs its tokens. */
@Entity('signing_key')
export class SigningKey {
  @PrimaryColumn({ type: 'text' }) kid: string;
  @Column({ type: 'uuid' }) projectId: ProjectId;
  @Column({ type: 'jsonb' }) publicJwk: Record<string, unknown>;
  /** Sealed with the project's data key. */
  @Column({ type: 'bytea' }) privateSealed: Buffer;
  @Column({ type: 'text' }) state: SigningKeyState;
  @Column({ type: 'timestamptz' }) createdAt: Date;
}
